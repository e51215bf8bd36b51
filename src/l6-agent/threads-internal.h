/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* threads-internal - what folding and saving the table of threads share (L6). */
#pragma once

#include "l6-agent/threads.h"

#include <stddef.h>

enum { THREADS_MAX = 1 << 20, TURNS_MAX = 1 << 28 };

/* A compacted record that is in force in conversations its turn is in. */
struct thread_compaction {
	uint64_t turn, position;
	uint32_t before; /* the one before it of the same turn; 0: none, else its index + 1 */
};

struct threads {
	struct thread **rows;
	uint64_t *names; /* hash of owner and name, beside rows: a search touches nothing else */
	size_t n, rows_capacity, names_capacity;
	struct turn_entry *turns; /* turn 1 is at 0 */
	size_t n_turns, turns_capacity;
	struct thread_compaction *compactions; /* in order of their records */
	size_t n_compactions, compactions_capacity;
};

/* A thread of that id, owner and name at the end of the table; the name is copied. */
must_check int threads_add(struct threads *threads, uint32_t owner, const char *name,
			   struct thread **ret);
