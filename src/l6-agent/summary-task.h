/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * summary-task - what a model is told to summarise: the turns as a transcript of a size it can
 * read, marked as data (L6).
 *
 * Errors     Those of reading the journal; -ENODATA when the turns say nothing.
 */
#pragma once

#include "l6-agent/journal.h"
#include "l6-agent/threads.h"

enum { SUMMARY_TASK_BYTES_MAX = 16 * 1024 * 1024 };

/* The instructions of such a conversation. */
extern const char summary_rules[];

struct summary_task {
	struct journal *journal;
	const struct threads *threads;
	const uint64_t *turns; /* oldest first */
	size_t n;
	const char *before; /* the summary of the turns before them; "" */
	size_t budget;      /* bytes of the transcript */
};

/* Parts are cut until all turns fit; if even little of each is too much, the oldest are left out.
 */
must_check int summary_task_write(const struct summary_task *task, struct buf *out,
				  struct error *err);
