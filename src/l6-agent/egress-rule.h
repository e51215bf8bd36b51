/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-rule - one rule of the person: what calls it is about and what becomes of them (L6).
 *
 * A rule has one text, which is what the person writes, sees and is stored:
 *
 *     allow http GET,POST https://api.example.org
 *     deny http any .example.net
 *     ask shell from tool
 *     allow shell command make *
 *
 * It names a tool. Of what leaves the machine ("http", whichever tool sends it) it names methods
 * and a host, exact or with a leading dot for every host below. Of another tool it may name where
 * the call comes from and what one argument looks like: "*" stands for any run of characters, a
 * backslash takes the next one as it is. A rule that allows is narrow by force: no rule allows all
 * hosts, the hosts of a registry, or every method of many hosts, and its "*" matches nothing that
 * ends a command or leads out of a folder.
 *
 * Ownership  The strings are the struct's; egress_rule_free(). The struct itself is the caller's.
 * Errors     -EINVAL with a sentence for the person, -ENOMEM.
 * Source     spec/egress.md, "Rules"
 * Tests      tests/unit/l6-agent/test-egress-rule.c, tests/data/egress-rule.cases
 */
#pragma once

#include "base/error.h"
#include "l6-agent/tool.h"

#include <systemd/sd-json.h>

struct egress_url;

enum egress_rule_origin { EGRESS_RULE_TABLE, EGRESS_RULE_PERSON };

enum { EGRESS_RULE_BYTES_MAX = 1024 };

struct egress_rule {
	uint64_t id;
	enum egress_rule_origin origin;
	enum tool_verdict verdict;
	char *tool;
	unsigned methods;         /* 1 << place in egress_methods; 0: any, or not http */
	char *scheme, *host;      /* NULL: any; host with a leading dot: every host below */
	unsigned port;            /* 0: any */
	unsigned origins;         /* 1 << enum tool_origin; 0: any */
	char *argument, *pattern; /* NULL: any arguments */
	char *thread;             /* the only one it is about; NULL: every */
	char *text;
	uint64_t created_us, until_us; /* realtime; until 0: until it is revoked */
	uint64_t used;                 /* since the file was written last */
};

/* A call that is judged. url is NULL unless it leaves the machine. */
struct egress_deed {
	const char *tool, *thread; /* thread may be NULL */
	const char *method;
	const struct egress_url *url;
	unsigned origins; /* 1 << enum tool_origin */
	sd_json_variant
		*arguments; /* an object; null stands for a text that is too long to judge */
};

/* GET POST PUT DELETE PATCH; ends with NULL. */
extern const char *const egress_methods[];

/* Reads what a person writes. The text of *ret is the rule's one form. */
must_check int egress_rule_parse(const char *text, struct egress_rule *ret, struct error *err);
void egress_rule_free(struct egress_rule *rule);

bool egress_rule_is_about(const struct egress_rule *rule, const struct egress_deed *deed);

/* Less, equal, greater than 0 as a says less, as much or more about which calls it means. */
int egress_rule_compare(const struct egress_rule *a, const struct egress_rule *b);

/* Both are about the same calls; what becomes of them may differ. */
bool egress_rule_is_same(const struct egress_rule *a, const struct egress_rule *b);

/* The text of the narrowest rule that allows this deed; -ENOENT when there is none to offer. */
must_check int egress_rule_propose(const struct egress_deed *deed, struct buf *ret);
