/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tool-problem - what is wrong with a call's arguments, in words a model can act on (L6).
 *
 * Collects problems until the text is full; the first ones are enough to go on.
 *
 * Ownership  Values and rules are borrowed.
 * Errors     None; tool_problem_report() makes the -EINVAL.
 * Tests      tests/unit/l6-agent/test-tool.c, tests/data/tool-check.cases
 */
#pragma once

#include "l6-agent/tool.h"

#include <yyjson.h>

enum { TOOL_PROBLEM_BYTES = 168 };

struct tool_problems {
	unsigned count;
	size_t length;
	char text[TOOL_PROBLEM_BYTES];
};

/* Where a value stands, for messages: headers[0].value */
struct tool_spot {
	const struct tool_spot *parent; /* NULL: the arguments themselves */
	const char *name;               /* NULL: an element */
	size_t index;
	unsigned depth;
};

/* The value is not what the rules want. */
void tool_problem_wrong(struct tool_problems *problems, const struct tool_spot *spot,
			yyjson_val *rules, yyjson_val *value);
void tool_problem_missing(struct tool_problems *problems, const struct tool_spot *spot);
void tool_problem_nul(struct tool_problems *problems, const struct tool_spot *spot);

/* Names in value that the rules do not know, with the nearest they do, or that are there twice. */
void tool_problem_names(struct tool_problems *problems, const struct tool_spot *spot,
			yyjson_val *rules, yyjson_val *value);

bool tool_rules_require(yyjson_val *rules, const char *name);
/* A bound of the rules ("minimum"), or otherwise when there is none. */
int64_t tool_rules_bound(yyjson_val *rules, const char *key, int64_t otherwise);

/* -EINVAL with all problems and, where it fits, what the tool takes. */
must_check int tool_problem_report(const struct tool_problems *problems, const struct tool *tool,
				   yyjson_val *rules, struct error *err);
