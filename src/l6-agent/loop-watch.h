/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * loop-watch - does a turn's model go round in circles? A fold over its finished tool calls (L6).
 *
 * A call counts as the same when tool, arguments (blanks between them aside) and result are the
 * same. What is a loop:
 *   same       one call, again and again without another between
 *   pair       two calls that take turns
 *   known      many calls, none of which gave anything the turn had not seen
 *   failing    many calls, all of which failed
 * The model is told first (loop_watch_tell()); when it goes on in a later answer, the turn is to
 * end (loop_watch_is_over()).
 *
 * Units      A round is one call, or one of each of a pair. exchange: the number of the answer.
 * Source     spec/journal.md, "Going round in circles"
 * Tests      tests/unit/l6-agent/test-loop-watch.c
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	LOOP_ROUNDS_TOLD = 3, /* of the same call or pair, after which the model is told */
	LOOP_CALLS_TOLD = 8,  /* known or failing */
	LOOP_CALLS_A_ROUND = 4,
	LOOP_RECENT = 64,
	LOOP_NAME_BYTES = 48,
};

enum loop_kind { LOOP_NONE, LOOP_SAME, LOOP_PAIR, LOOP_KNOWN, LOOP_FAILING };

/* Value type, zero at a turn's begin. */
struct loop_watch {
	uint64_t recent[LOOP_RECENT]; /* keys; call n is at n % LOOP_RECENT */
	uint64_t n_calls;
	unsigned n_known, n_failed;       /* how many of the last calls in one run */
	char names[2][LOOP_NAME_BYTES];   /* of the last call and the one before */
	enum loop_kind kind;              /* in which the last call stands */
	unsigned rounds;                  /* or calls, of LOOP_KNOWN and LOOP_FAILING */
	unsigned told_exchange, exchange; /* told_exchange: 0 when not told of this loop */
};

struct loop_call {
	const char *tool, *arguments;
	const char *result; /* as the record has it: the text, or the hash of its blob */
	bool ok;
	unsigned exchange;
};

/* Takes the next finished call of the turn. */
void loop_watch_add(struct loop_watch *watch, const struct loop_call *call);

/* Appends what the model is told with the last call's result; nothing when there is no loop. */
must_check int loop_watch_tell(const struct loop_watch *watch, struct buf *out);

/* So many rounds (agent.loop_rounds) are reached, and the model was told before its last answer. */
bool loop_watch_is_over(const struct loop_watch *watch, uint64_t rounds);

/* Appends why the turn ends. */
must_check int loop_watch_explain(const struct loop_watch *watch, struct buf *out);
