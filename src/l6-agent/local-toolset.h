/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * local-toolset - what a small model is shown: rules, tools, examples (L6).
 *
 * A larger number of tools confuses such models, and an example says more than a schema.
 *
 * Ownership  All static; made from spec/tables/model-toolsets by tools/toolsets-c.
 * Source     spec/local-model.md section 2.
 */
#pragma once

#include <stddef.h>

struct local_tool {
	const char *name;
	const char *arguments[6]; /* names in order, NULL-terminated */
	const char *hint;         /* when to use it */
	const char *example;      /* its arguments as JSON */
	const char *needs[6];     /* words of which the message has to hold one; none: always */
};

enum local_turn_kind { LOCAL_TURN_USER, LOCAL_TURN_CALL, LOCAL_TURN_RESULT };

struct local_turn {
	enum local_turn_kind kind;
	const char *name; /* the tool, of a call or a result */
	const char *text; /* a call's arguments as JSON */
};

struct local_toolset {
	const char *name, *rules;
	const struct local_tool *tools;
	size_t n_tools; /* the last is "answer" */
	const struct local_turn *turns;
	size_t n_turns;
};

extern const struct local_toolset local_toolset_table[];
extern const size_t local_toolset_count;
