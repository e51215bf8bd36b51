/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* journal-internal - what opening, appending and reading the journal share (L6). */
#pragma once

#include "base/array.h"
#include "l6-agent/journal.h"

enum {
	JOURNAL_NAME_BYTES = 32,
	JOURNAL_MODE = 0600,
	JOURNAL_MARK_EVERY = 64, /* records between two marks of the index */
	JOURNAL_PENDING_MAX = 64 * 1024 * 1024,
	JOURNAL_SEGMENTS_MAX = 65536,
	JOURNAL_WAITING_MAX = 65536, /* records in one commit */
	JOURNAL_MARKS_MAX = 1 << 26,
};

struct journal_segment {
	uint64_t start, first_sequence;
	uint64_t bytes; /* durable, head included */
	int fd;
};

struct journal_waiting {
	struct journal_record record; /* payload is set when the callbacks run */
	size_t offset;                /* of the record in pending */
	journal_durable_fn on_durable;
	void *data;
};

struct journal {
	struct journal_options options;
	int lock_fd;
	struct blob_store *blobs;
	struct journal_segment *segments;
	size_t n_segments, segments_capacity;
	uint64_t *marks; /* position of records 1, 1 + JOURNAL_MARK_EVERY, ... */
	size_t n_marks, marks_capacity;
	uint8_t chain[SHA256_BYTES]; /* of the last record appended */
	uint64_t sequence, durable_sequence;
	struct buf pending;
	struct journal_waiting *waiting;
	size_t n_waiting, waiting_capacity;
	bool committing;
	sd_event_source *commit;
	struct journal_figures figures;
};

void journal_segment_name(uint64_t start, char ret[JOURNAL_NAME_BYTES]);
/* Makes the next segment behind what is durable and syncs it. */
must_check int journal_rotate(struct journal *journal, struct error *err);
/* Notes where a record lies. */
must_check int journal_mark(struct journal *journal, uint64_t sequence, uint64_t position);

static inline struct journal_segment *journal_last_segment(const struct journal *journal)
{
	return journal->n_segments ? &journal->segments[journal->n_segments - 1] : NULL;
}

/* Where the next durable byte goes. */
static inline uint64_t journal_durable_end(const struct journal *journal)
{
	const struct journal_segment *last = journal_last_segment(journal);

	return last ? last->start + last->bytes : 0;
}
