/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * recall-cache - which threads have their conversation in memory (L6).
 *
 * A conversation is read from the journal when its thread wakes and kept for the next message while
 * few others are; idle ones beyond that are dropped, oldest first.
 */
#pragma once

#include "l6-agent/turn.h"

/*
 * Makes the conversation of the turn's thread present, with the system text in force. Before the
 * turn's own turn-started it holds the turns before it, after it this turn so far as well.
 * Negative: the turn has been ended with the reason.
 */
must_check int recall_cache_load(struct turn *turn);

/* The options a conversation of that thread is opened with, for a provider of the chain; NULL: of a
 * person's thread. */
struct recall_options;
void recall_cache_options(const struct agent *agent, const struct thread *thread, unsigned provider,
			  struct recall_options *ret);
