/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* journal-internal - what opening, appending and reading the journal share (L6). */
#pragma once

#include "base/array.h"
#include "l6-agent/journal-snapshot.h"
#include "l6-agent/journal.h"

#define JOURNAL_SNAPSHOT_NAME "snapshot"

enum {
	JOURNAL_NAME_BYTES = 32,
	JOURNAL_MODE = 0600,
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

/* The log as it is read from front to back: the window holds the segment's bytes from offset on,
 * used of them are records that were read. */
struct journal_scan {
	struct journal *journal; /* NULL: nothing is being read */
	size_t segment;          /* index of the one that is read */
	uint64_t offset;         /* 0: its head is not yet checked */
	size_t used;
	struct buf window;
	uint64_t sequence; /* of the last record read */
	uint8_t chain[SHA256_BYTES];
	bool may_cut; /* an incomplete end is cut off, not refused */
};

enum journal_saving_step { SAVING_NOTHING, SAVING_BYTES, SAVING_NAME, SAVING_FOLDER };

/* A snapshot that is being written. */
struct journal_saving {
	enum journal_saving_step step;
	struct buf bytes; /* all of it but the hash at its end */
	size_t written;
	struct sha256 hash;
	int fd;
	uint64_t sequence;
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
	uint64_t last_position; /* of the last record appended */
	struct buf pending;
	struct journal_waiting *waiting;
	size_t n_waiting, waiting_capacity;
	bool committing;
	sd_event_source *commit, *work;
	struct journal_saving saving;
	uint64_t saved_sequence;   /* of the last record in the snapshot */
	uint64_t saved_end;        /* where the log ended when one was last begun */
	struct journal_scan check; /* of the records a snapshot spared the start */
	uint64_t check_until;      /* sequence */
	struct journal_figures figures;
};

void journal_segment_name(uint64_t start, char ret[JOURNAL_NAME_BYTES]);
/* Makes the next segment behind what is durable and syncs it. */
must_check int journal_rotate(struct journal *journal, struct error *err);
/* "the journal is damaged: SEGMENT at byte N: REASON". Returns -EBADMSG. */
int journal_damaged(const struct journal_segment *segment, uint64_t offset, const char *reason,
		    struct error *err);

/* A scan stands before the first record until the caller moves it. */
void journal_scan_begin(struct journal_scan *scan, struct journal *journal);
void journal_scan_end(struct journal_scan *scan);
/* The next record, checked; its payload is borrowed until the next call. 1: there is one, 0: the
 * log ends. */
must_check int journal_scan_next(struct journal_scan *scan, struct journal_record *ret,
				 struct error *err);

/* Moves the scan and the journal behind what a snapshot holds. One that is not believed is logged
 * and changes nothing. */
void journal_load_snapshot(struct journal *journal, struct journal_scan *scan);
/* Takes the state of everything durable, to be written by journal_work(). A failure is logged. */
void journal_begin_saving(struct journal *journal);
/* One step of writing it. 1: there is more, 0: there is not. A failure is logged. */
int journal_save_step(struct journal *journal);
void journal_stop_saving(struct journal *journal);
/* True when enough has come since the last snapshot. */
bool journal_is_unsaved(const struct journal *journal);
/* Lets the loop call journal_work(). */
must_check int journal_wake(struct journal *journal);

/* The segment that holds a position. */
struct journal_segment *journal_find_segment(const struct journal *journal, uint64_t position);
/* Up to length bytes of a segment; *ret is less only at its end. */
must_check int journal_read_at(int fd, char *into, size_t length, uint64_t offset, size_t *ret);
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
