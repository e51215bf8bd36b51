/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * journal-snapshot - the bytes of a snapshot: the fold of a journal's first records, with what says
 * which records these are (L6).
 *
 * Pure functions over memory. Whether the journal really holds that record is the opener's to see.
 *
 * Source     spec/journal.md, "A snapshot"
 */
#pragma once

#include "base/buf.h"
#include "base/sha256.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	JOURNAL_MARK_EVERY = 64, /* records between two marks of the index */
	JOURNAL_SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024,
};

struct journal_snapshot {
	uint64_t sequence, position; /* of the last record it holds */
	const uint8_t *chain;        /* hash of that record */
	size_t n_marks;              /* one for each begun JOURNAL_MARK_EVERY records */
	const uint8_t *marks;        /* as bytes; decoded only, as is what follows */
	const uint8_t *fold;
	size_t fold_length;
};

/* Appends what comes before the fold; marks: positions of records 1, 65, 129 ... */
must_check int journal_snapshot_begin(const struct journal_snapshot *snapshot,
				      const uint64_t *marks, struct buf *out);
/* Says in the head how long the whole is; the caller appends the hash of all bytes to it. */
void journal_snapshot_seal(struct buf *bytes);

/* False, and why, when these are not the bytes of one. What is decoded points into bytes. */
bool journal_snapshot_decode(const uint8_t *bytes, size_t length, struct journal_snapshot *ret,
			     const char **ret_reason);
/* Of a decoded one; index below n_marks. */
uint64_t journal_snapshot_mark(const struct journal_snapshot *snapshot, size_t index);
