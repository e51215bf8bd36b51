/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * transcript - a turn as text: what was said, called and found, from its records (L6).
 *
 * For the model that summarises, and for the memory, where memory_search finds it again.
 *
 * Errors     Those of reading the journal; -EMSGSIZE when out is too small.
 */
#pragma once

#include "l6-agent/journal.h"
#include "l6-agent/threads.h"

struct transcript_source {
	struct journal *journal;
	const struct threads *threads;
	size_t part_max; /* bytes of one message, call or result; what is longer is cut in the
			    middle */
};

/* Nothing for a turn that was a compaction itself. */
must_check int transcript_add(const struct transcript_source *source, uint64_t turn,
			      struct buf *out, struct error *err);
