/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-rules - the one store of rules, and what they make of a call (L6).
 *
 * Rules of the configuration come first and are not saved; rules a person made are kept in one text
 * file, replaced atomically and durable before egress_rules_add() returns. A file with a line that
 * is not understood is an error that names the line: the program then refuses to start. A rule
 * whose time is over is passed over and leaves the file when it is written next.
 *
 * Of the rules that are about a call one that denies wins; without one, the one that says most
 * about which calls it means; of two that say as much, the one that asks.
 *
 * Ownership  The store owns its rules; what is returned is borrowed until the next change.
 * Errors     -EINVAL with file:line, -EMSGSIZE over max, -ENOENT, errno of writing.
 * Source     spec/egress.md, "Rules"
 * Tests      tests/unit/l6-agent/test-egress.c, test-egress-rule.c
 */
#pragma once

#include "l6-agent/egress-rule.h"

struct egress_rules;

/* Reads the file `rules` in the folder (absent: none). table is "https://host,http://host:port". */
must_check int egress_rules_open(int folder_fd, const char *table, size_t max,
				 struct egress_rules **ret, struct error *err);
void egress_rules_close(struct egress_rules *rules);

/* The rule that decides; NULL when none is about the call. The caller counts what it uses. */
struct egress_rule *egress_rules_find(struct egress_rules *rules, const struct egress_deed *deed);

/* True when a rule that allows or asks names this numeric address and port itself, in any scheme.
 */
bool egress_rules_list_address(const struct egress_rules *rules, const char *address,
			       unsigned port);

/* What a new rule is bound to; zero: every thread, until it is revoked. */
struct egress_rule_bounds {
	const char *thread;
	uint64_t until_us;
	uint64_t replaces; /* the rule of this number goes in the same step; -ENOENT, -EPERM */
};

/* Adds what the text says. A rule about the same calls and thread is replaced. ret may be NULL. */
must_check int egress_rules_add(struct egress_rules *rules, const char *text,
				const struct egress_rule_bounds *bounds,
				const struct egress_rule **ret, struct error *err);

/* -ENOENT for an unknown id, -EPERM for a rule of the configuration. */
must_check int egress_rules_revoke(struct egress_rules *rules, uint64_t id, struct error *err);

/* In order: the configuration's first. index is below the count. */
size_t egress_rules_count(const struct egress_rules *rules);
const struct egress_rule *egress_rules_at(const struct egress_rules *rules, size_t index);
