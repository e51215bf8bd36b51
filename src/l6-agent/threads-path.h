/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * threads-path - which turns a conversation consists of (L6).
 *
 * Turns are a tree: each stands behind another one, or behind nothing. A thread's head is the turn
 * its conversation ends with; from there back to the first is its path. A message goes behind the
 * head and becomes it. Undo moves the head one turn back, redo one turn towards the tip, which is
 * the newest message; a thread that branched begins at a turn of another one.
 *
 * Ownership  A path is the caller's to free.
 * Errors     -EBADMSG for what a record or a snapshot may not say, -ENOMEM.
 * Source     spec/journal.md, "The path"
 * Tests      tests/unit/l6-agent/test-threads.c
 */
#pragma once

#include "l6-agent/threads.h"

#include <yyjson.h>

/* The turns behind after (0: from the first) up to turn, oldest first. */
must_check int threads_path(const struct threads *threads, uint64_t turn, uint64_t after,
			    uint64_t **ret, size_t *ret_n);
bool threads_path_has(const struct threads *threads, const struct thread *thread, uint64_t turn);
/* The turn that a redo brings back; 0: there is none. */
uint64_t threads_path_redo(const struct threads *threads, const struct thread *thread);

/* What a thread-new, an accepted and a head record do; NULL, or why they cannot. */
const char *threads_path_begin(struct threads *threads, struct thread *thread, yyjson_val *payload);
const char *threads_path_add(struct threads *threads, struct thread *thread, uint64_t turn,
			     yyjson_val *payload);
const char *threads_path_move(struct threads *threads, struct thread *thread, yyjson_val *payload);

/* What a compacted record does, whose turns are then read by their summary. */
must_check int threads_path_compact(struct threads *threads, uint64_t turn, uint64_t position);
/* The newest one that stands in a turn, not behind position (0: wherever); 0: none. */
uint64_t threads_path_compaction(const struct threads *threads, uint64_t turn, uint64_t position);

/* The last part of a snapshot's fold. */
must_check int threads_path_save(const struct threads *threads, struct buf *out);
/* Into a table of threads and turns that has none of it yet; exactly these bytes, and no position
 * behind the given one. */
must_check int threads_path_load(struct threads *threads, const uint8_t *bytes, size_t length,
				 uint64_t position);
