/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * journal - the append-only log that is agentd's state (L6).
 *
 * Records go into segments in one folder, which is locked. journal_append() gives a record its
 * place at once; it is durable, and its callback runs, after the next commit. A commit is one
 * fdatasync for all appends of one round of the loop. A commit that fails ends the program: what
 * the disk holds is then unknown, and the next start reads it.
 *
 * The caller's state is a fold over the records. A snapshot of it spares an open the records before
 * it; they are checked afterwards, by journal_work().
 *
 * Ownership  Records and payloads given in are copied. Payloads read out belong to the reader's
 *            buffer.
 * Errors     -EBADMSG with segment and offset when a segment is damaged (an incomplete last record
 *            is cut off and is no error), -EBUSY when another process holds the folder.
 * Threads    None.
 * Source     spec/journal.md
 */
#pragma once

#include "l6-agent/blob.h"
#include "l6-agent/journal-record.h"

#include <systemd/sd-event.h>

struct journal;

/* Runs when the record is durable. payload is borrowed until the callback returns. */
typedef void (*journal_durable_fn)(const struct journal_record *record, void *data);
/* Runs for every record found at open, in order; a negative return refuses the journal. */
typedef int (*journal_visit_fn)(const struct journal_record *record, void *data, struct error *err);

/* The state as bytes, and the last record it holds. */
struct journal_fold {
	const uint8_t *bytes;
	size_t length;
	uint64_t sequence, position;
};
/* Appends the fold of every record appended so far. */
typedef int (*journal_save_fn)(struct buf *out, void *data);
/* Makes the state again, instead of on_found for the records it holds. A negative return leaves the
 * state as it was: everything is read. */
typedef int (*journal_load_fn)(const struct journal_fold *fold, void *data);

struct journal_options {
	int dir_fd;              /* borrowed */
	uint64_t segment_bytes;  /* a segment that has grown to this is the last one no more; 0 is
				    refused */
	sd_event *event;         /* NULL: the caller commits */
	uint64_t snapshot_bytes; /* of new records, after which a snapshot is written, and which
				    one must spare to be used; 0: never written */
	journal_save_fn on_save;
	journal_load_fn on_load;
	journal_visit_fn on_found;
	journal_durable_fn on_durable; /* for every record, before its own callback */
	void *data;
};

/* Reads the log, checking every record: all of it, or what is behind the snapshot. */
must_check int journal_open(const struct journal_options *options, struct journal **ret,
			    struct error *err);
void journal_close(struct journal *journal); /* NULL-tolerant; what is not committed is lost */

/* The store of the payloads' large parts. */
struct blob_store *journal_blobs(struct journal *journal);

/*
 * Takes thread, turn, owner, agent, kind, origin, previous and payload from the record and fills in
 * sequence, time and position.
 */
must_check int journal_append(struct journal *journal, struct journal_record *record,
			      journal_durable_fn on_durable, void *data);

/* Makes all appended records durable now, then runs their callbacks. */
must_check int journal_commit(struct journal *journal, struct error *err);

/*
 * One step of what nobody waits for: checking the records a snapshot spared the open, writing a
 * snapshot. 1: there is more, 0: there is not; -EBADMSG: the log is damaged, and the snapshot was
 * removed, so that the next open says so. With an event loop it is called from there.
 */
must_check int journal_work(struct journal *journal, struct error *err);
/* Writes a snapshot now, for an ordered stop, unless something waits for a commit. A failure is
 * logged. */
void journal_save(struct journal *journal);
/* Removes the snapshot: the next open reads everything. */
void journal_forget_snapshot(struct journal *journal);

/* The record at a position, checked; payload goes into *payload (which is emptied first). */
must_check int journal_read(struct journal *journal, uint64_t position, struct buf *payload,
			    struct journal_record *ret, struct error *err);
/* The same without payload and hash: to walk. */
must_check int journal_peek(struct journal *journal, uint64_t position, struct journal_record *ret,
			    struct error *err);

/* Where the record behind this one begins; 0 when it is the last one that is durable. */
uint64_t journal_next(const struct journal *journal, const struct journal_record *record);
/* The position of the first durable record whose sequence is at least this; 0: none. */
must_check int journal_seek(struct journal *journal, uint64_t sequence, uint64_t *ret,
			    struct error *err);

uint64_t journal_last_sequence(const struct journal *journal); /* appended, durable or not */
uint64_t journal_durable_sequence(const struct journal *journal);

struct journal_figures {
	uint64_t records, segments, bytes; /* in the log */
	uint64_t commits, fsyncs, blobs;   /* since start */
	uint64_t cut_bytes;                /* of the incomplete record removed at open */
	uint64_t snapshot;  /* sequence the open began behind; 0: it read everything */
	uint64_t snapshots; /* written since start */
	uint64_t unchecked; /* records before snapshot that are still to be checked */
};
/* What is durable now, and what this process has done. */
void journal_get_figures(const struct journal *journal, struct journal_figures *ret);
