/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Opening from a snapshot: it is believed only when its hash, the record it ends with and the ends
 * of the segments before agree. */
#include "base/dir.h"
#include "base/log.h"
#include "l6-agent/journal-internal.h"

#include <string.h>

/* Whether these 32 bytes are the hash in front of an offset of a segment. */
static bool is_chain_at(const struct journal_segment *segment, uint64_t offset,
			const uint8_t chain[SHA256_BYTES])
{
	char found[SHA256_BYTES];
	size_t got = 0;

	return offset >= SHA256_BYTES && offset <= segment->bytes &&
	       journal_read_at(segment->fd, found, sizeof(found), offset - SHA256_BYTES, &got) >=
		       0 &&
	       got == sizeof(found) && memcmp(found, chain, sizeof(found)) == 0;
}

/* A segment that is not read begins where the one before ends, with the hash that one ends with. */
static bool is_linked(struct journal *journal, size_t index)
{
	static const uint8_t nothing[SHA256_BYTES];
	struct journal_segment *segment = &journal->segments[index];
	char bytes[JOURNAL_HEAD_BYTES];
	struct journal_head head;
	size_t got = 0;

	if (journal_read_at(segment->fd, bytes, sizeof(bytes), 0, &got) < 0 ||
	    got != sizeof(bytes) || !journal_head_decode((const uint8_t *)bytes, &head) ||
	    head.start != segment->start)
		return false;
	if (index == 0)
		return head.start == 0 && head.first_sequence == 1 &&
		       memcmp(head.chain, nothing, sizeof(nothing)) == 0;
	return head.start == segment[-1].start + segment[-1].bytes &&
	       is_chain_at(&segment[-1], segment[-1].bytes, head.chain);
}

/* Puts the scan behind the snapshot's last record when the journal holds just that. */
static bool find_place(struct journal *journal, const struct journal_snapshot *snapshot,
		       struct journal_scan *scan)
{
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	const struct journal_segment *segment;
	struct journal_record record;
	int r;

	if (snapshot->position >= journal_durable_end(journal))
		return false; /* the journal is younger than that */
	segment = journal_find_segment(journal, snapshot->position);
	r = journal_read(journal, snapshot->position, &payload, &record, NULL);
	buf_free(&payload);
	if (r < 0 || record.sequence != snapshot->sequence)
		return false;
	scan->segment = (size_t)(segment - journal->segments);
	scan->offset = snapshot->position - segment->start + journal_record_bytes(&record);
	for (size_t i = 0; i <= scan->segment; i++)
		if (!is_linked(journal, i))
			return false;
	if (!is_chain_at(segment, scan->offset, snapshot->chain))
		return false;
	scan->sequence = snapshot->sequence;
	memcpy(scan->chain, snapshot->chain, SHA256_BYTES);
	return true;
}

static int load_marks(struct journal *journal, const struct journal_snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; i < snapshot->n_marks && r >= 0; i++)
		r = journal_mark(journal, i * JOURNAL_MARK_EVERY + 1,
				 journal_snapshot_mark(snapshot, i));
	return r;
}

static int load_state(struct journal *journal, const struct journal_snapshot *snapshot)
{
	struct journal_fold fold = {
		.bytes = snapshot->fold,
		.length = snapshot->fold_length,
		.sequence = snapshot->sequence,
		.position = snapshot->position,
	};
	int r = load_marks(journal, snapshot);

	if (r >= 0)
		r = journal->options.on_load(&fold, journal->options.data);
	if (r < 0)
		journal->n_marks = 0;
	return r;
}

/* What is taken over is checked later: from the first record up to the snapshot's last. */
static void take_over(struct journal *journal, const struct journal_snapshot *snapshot,
		      const struct journal_scan *scan)
{
	journal_scan_begin(&journal->check, journal);
	journal->check_until = snapshot->sequence;
	journal->last_position = snapshot->position;
	journal->saved_sequence = journal->figures.snapshot = snapshot->sequence;
	journal->saved_end = journal->segments[scan->segment].start + scan->offset;
}

void journal_load_snapshot(struct journal *journal, struct journal_scan *scan)
{
	struct buf bytes = BUF(JOURNAL_SNAPSHOT_BYTES_MAX);
	const char *reason = "the journal does not hold its last record";
	struct journal_scan before = *scan;
	struct journal_snapshot snapshot;
	int r = journal->options.on_load
			? dir_read(journal->options.dir_fd, JOURNAL_SNAPSHOT_NAME, &bytes)
			: -ENOENT;
	bool is_good = r >= 0 && journal_snapshot_decode((const uint8_t *)buf_string(&bytes),
							 bytes.length, &snapshot, &reason);

	if (r < 0)
		reason = strerror(-r);
	is_good = is_good && find_place(journal, &snapshot, scan);
	if (is_good && snapshot.position < journal->options.snapshot_bytes) {
		*scan = before; /* it would spare little: what is short is checked at once */
		buf_free(&bytes);
		return;
	}
	if (is_good && load_state(journal, &snapshot) < 0) {
		reason = "its state does not fit";
		is_good = false;
	}
	if (is_good)
		take_over(journal, &snapshot, scan);
	else
		*scan = before;
	if (!is_good && r != -ENOENT)
		log_warning("the journal's snapshot is not used: %s; everything is read", reason);
	buf_free(&bytes);
}
