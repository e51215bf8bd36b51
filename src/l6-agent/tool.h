/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tool - the table of built-in tools: schema, effect, where each runs (L6).
 *
 * Names and parameters are IronClaw's (spec/tools/<name>.json holds the JSON Schema and is compiled
 * in). Arguments are checked against the schema before anything runs.
 *
 * Errors     -EINVAL with a sentence a model can act on: which argument, what was expected, what
 * was given. Threads    None.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a call does to the world; spec/tables/effects says allow, ask or deny for each. */
enum tool_effect {
	TOOL_READ,
	TOOL_WRITE,   /* inside the cage and its workspace */
	TOOL_EXECUTE, /* inside the cage */
	TOOL_SEND,
	TOOL_SPEND,
	TOOL_INSTALL,
	TOOL_REVEAL,
	TOOL_EFFECT_COUNT,
};

enum tool_place {
	TOOL_HERE,   /* pure computation in agentd: echo, time, json */
	TOOL_CAGE,   /* claw-toolwork in a cage made by claw-sandboxd */
	TOOL_MEMORY, /* clawfsd: memory_* */
	TOOL_EGRESS, /* claw-egressd: http */
	TOOL_STASH,  /* agentd's own kept results: result_read */
	TOOL_JOB,    /* threads that work for this one: *_job*, spawn_subagent */
};

struct tool {
	const char *name;
	const char *description; /* from the schema file */
	const char *schema;      /* the parameters object as compact JSON text, for the model */
	const char *rules;       /* the same with the bounds that only tool_check() needs */
	enum tool_effect effect;
	enum tool_place place;
};

/* Where a call comes from: the person themselves; a conversation that was shown words of strangers
 * (a web page); a routine nobody watches; another agent. */
enum tool_origin {
	ORIGIN_PERSON,
	ORIGIN_TOOL,
	ORIGIN_ROUTINE,
	ORIGIN_AGENT,
	TOOL_ORIGIN_COUNT,
};

enum tool_verdict { TOOL_ALLOW, TOOL_ASK, TOOL_DENY }; /* stricter is greater */

/* The defaults of spec/tables/effects. */
extern const enum tool_verdict tool_effect_verdicts[TOOL_EFFECT_COUNT][TOOL_ORIGIN_COUNT];

/* The strictest of the table's verdicts for these origins (1 << enum tool_origin); none: as of the
 * person. */
enum tool_verdict tool_effect_verdict(enum tool_effect effect, unsigned origins);

/* All tools, sorted by name. */
extern const struct tool *const tool_table[];
extern const size_t tool_table_count;

const struct tool *tool_find(const char *name); /* NULL when unknown */
const char *tool_nearest(const char *name); /* the most similar name, NULL when none is similar */
const char *tool_effect_name(enum tool_effect effect);
bool tool_effect_parse(const char *name, enum tool_effect *ret);
const char *tool_origin_name(enum tool_origin origin);
bool tool_origin_parse(const char *name, enum tool_origin *ret);
const char *tool_verdict_name(enum tool_verdict verdict);
bool tool_verdict_parse(const char *name, enum tool_verdict *ret);

/*
 * Checks arguments (JSON text; nothing at all counts as {}) against the rules. What can mean one
 * thing only is accepted and normalised: "5" for 5, "true", an object inside a string, a lone value
 * for a list, any case of an enum value. The JSON object text put into ret_arguments has its keys
 * in the schema's order, each once, numbers as they were written.
 * -EINVAL lists every problem found, names the nearest argument, and says what the tool takes;
 * -ENOMEM, -EMSGSIZE (ret_arguments->max).
 */
must_check int tool_check(const struct tool *tool, const char *arguments, size_t length,
			  struct buf *ret_arguments, struct error *err);

/*
 * Runs a TOOL_HERE tool on checked arguments. zone is the person's IANA zone (NULL: UTC). 0 and its
 * text in result; -EINVAL with an error for the model, -EMSGSIZE when result->max is too small.
 */
must_check int tool_run_here(const struct tool *tool, const char *arguments, const char *zone,
			     struct buf *result, struct error *err);
