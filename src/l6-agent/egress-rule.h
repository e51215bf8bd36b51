/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-rule - which hosts tools may reach, and where that is kept (L6).
 *
 * A rule is one origin: scheme, host, port. Rules of the configuration come first and are not
 * saved; rules a person made are kept in one text file, replaced atomically and durable before
 * egress_rules_add() returns. A file with a line that is not understood is an error that names the
 * line: the program then refuses to start.
 *
 * Ownership  The store owns its rules; what is returned is borrowed until the next change.
 * Errors     -EINVAL with file:line, -EMSGSIZE over max, -ENOENT, errno of writing.
 * Source     spec/egress.md
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct egress_url;

enum egress_rule_origin { EGRESS_RULE_TABLE, EGRESS_RULE_PERSON };

struct egress_rule {
	uint64_t id;
	enum egress_rule_origin origin;
	char *scheme, *host;
	unsigned port;
	uint64_t created_us;
	uint64_t used; /* since the file was written last */
};

struct egress_rules;

/* Reads the file `rules` in the folder (absent: none). table is "https://host,http://host:port". */
must_check int egress_rules_open(int folder_fd, const char *table, size_t max,
				 struct egress_rules **ret, struct error *err);
void egress_rules_close(struct egress_rules *rules);

/* NULL when there is none. The caller counts what it uses. */
struct egress_rule *egress_rules_find(struct egress_rules *rules, const struct egress_url *url);

/* True when a rule names this numeric address and port itself, in any scheme. */
bool egress_rules_list_address(const struct egress_rules *rules, const char *address,
			       unsigned port);

must_check int egress_rules_add(struct egress_rules *rules, const struct egress_url *url,
				struct error *err);

/* -ENOENT for an unknown id, -EPERM for a rule of the configuration. */
must_check int egress_rules_revoke(struct egress_rules *rules, uint64_t id, struct error *err);

/* In order: the configuration's first. index is below the count. */
size_t egress_rules_count(const struct egress_rules *rules);
const struct egress_rule *egress_rules_at(const struct egress_rules *rules, size_t index);
