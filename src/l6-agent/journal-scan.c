/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Reading the log from front to back, checking every record; cutting an incomplete end. */
#include "l6-agent/journal-internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { READ_STEP = 256 * 1024 };

int journal_damaged(const struct journal_segment *segment, uint64_t offset, const char *reason,
		    struct error *err)
{
	char name[JOURNAL_NAME_BYTES];

	journal_segment_name(segment->start, name);
	return FAIL(err, -EBADMSG, "the journal is damaged: %s at byte %" PRIu64 ": %s", name,
		    offset, reason);
}

void journal_scan_begin(struct journal_scan *scan, struct journal *journal)
{
	*scan = (struct journal_scan){
		.journal = journal,
		.window = BUF(JOURNAL_RECORD_MAX + 2 * READ_STEP),
	};
}

void journal_scan_end(struct journal_scan *scan)
{
	buf_free(&scan->window);
	scan->journal = NULL;
}

static struct journal_segment *segment_of(const struct journal_scan *scan)
{
	return &scan->journal->segments[scan->segment];
}

static int newer(const struct journal_segment *segment, uint32_t version, struct error *err)
{
	char name[JOURNAL_NAME_BYTES];

	journal_segment_name(segment->start, name);
	return FAIL(err, -EBADMSG,
		    "the journal is of version %" PRIu32 " (%s at byte 8) and this program knows "
		    "%d; it is left untouched, use the newer version that made it",
		    version, name, JOURNAL_HEAD_VERSION);
}

/* Checks the head of the segment the scan has come to, against the records before it. */
static int check_head(struct journal_scan *scan, struct error *err)
{
	struct journal_segment *segment = segment_of(scan);
	uint64_t start = scan->segment ? segment[-1].start + segment[-1].bytes : 0;
	uint8_t bytes[JOURNAL_HEAD_BYTES];
	struct journal_head head;
	ssize_t n;

	if (segment->start != start)
		return journal_damaged(segment, 0,
				       "the segment before it is missing or of another size", err);
	n = pread(segment->fd, bytes, sizeof(bytes), 0);
	if (n != sizeof(bytes))
		return journal_damaged(segment, 0, "its head is incomplete", err);
	if (journal_head_version(bytes) > JOURNAL_HEAD_VERSION)
		return newer(segment, journal_head_version(bytes), err);
	if (!journal_head_decode(bytes, &head))
		return journal_damaged(segment, 0, "its head is damaged or of another version",
				       err);
	if (head.start != start || head.first_sequence != scan->sequence + 1 ||
	    memcmp(head.chain, scan->chain, SHA256_BYTES) != 0)
		return journal_damaged(segment, 0, "it does not continue the segment before it",
				       err);
	scan->offset = JOURNAL_HEAD_BYTES;
	return 0;
}

/* Reads until the window holds at least want bytes or the segment's end. */
static int fill(struct journal_scan *scan, size_t want, struct error *err)
{
	while (scan->window.length < want) {
		uint64_t at = scan->offset + scan->window.length;
		char *room;
		ssize_t n;
		int r = buf_reserve(&scan->window, READ_STEP, &room);

		n = r < 0 ? r : pread(segment_of(scan)->fd, room, READ_STEP, (off_t)at);
		if (r >= 0 && n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return FAIL(err, r < 0 ? r : -errno, "the journal cannot be read: %s",
				    strerror(r < 0 ? -r : errno));
		if (n == 0)
			return 0;
		buf_commit(&scan->window, (size_t)n);
	}
	return 0;
}

static int cut(struct journal_scan *scan, uint64_t offset, struct error *err)
{
	struct journal_segment *segment = segment_of(scan);

	if (!scan->may_cut || scan->segment + 1 < scan->journal->n_segments)
		return journal_damaged(segment, offset, "a record is incomplete and more follows",
				       err);
	scan->journal->figures.cut_bytes = segment->bytes - offset;
	if (ftruncate(segment->fd, (off_t)offset) < 0 || fdatasync(segment->fd) < 0)
		return FAIL(err, -errno, "the journal's incomplete end cannot be cut off: %s",
			    strerror(errno));
	segment->bytes = offset;
	return 0;
}

/* To the next record's first byte, over the ends of segments. 0: there is no more. */
static int advance(struct journal_scan *scan, struct error *err)
{
	int r = 0;

	if (scan->offset == 0)
		r = check_head(scan, err);
	while (r >= 0 && scan->offset + scan->used == segment_of(scan)->bytes) {
		if (scan->segment + 1 == scan->journal->n_segments)
			return 0;
		scan->segment++;
		scan->offset = scan->used = 0;
		buf_truncate(&scan->window, 0);
		r = check_head(scan, err);
	}
	return r < 0 ? r : 1;
}

/* Makes room for a record that reaches behind the window. 0: the log ends inside it. */
static int widen(struct journal_scan *scan, struct error *err)
{
	size_t before = scan->window.length - scan->used;
	int r;

	if (scan->offset + scan->window.length >= segment_of(scan)->bytes) {
		r = cut(scan, scan->offset + scan->used, err);
		return r < 0 ? r : 0;
	}
	buf_consume(&scan->window, scan->used);
	scan->offset += scan->used;
	scan->used = 0;
	r = fill(scan, before + READ_STEP, err);
	if (r >= 0 && scan->window.length == before)
		r = journal_damaged(segment_of(scan), scan->offset + before,
				    "the file has become shorter", err);
	return r < 0 ? r : 1;
}

/* What a record that is whole must fit. */
static int take(struct journal_scan *scan, struct journal_record *record, struct error *err)
{
	uint64_t offset = scan->offset + scan->used;

	if (record->sequence != scan->sequence + 1)
		return journal_damaged(segment_of(scan), offset, "a sequence number is missing",
				       err);
	record->position = segment_of(scan)->start + offset;
	if (record->previous >= record->position)
		return journal_damaged(segment_of(scan), offset, "it points forward", err);
	scan->sequence = record->sequence;
	scan->used += journal_record_bytes(record);
	return 1;
}

int journal_scan_next(struct journal_scan *scan, struct journal_record *ret, struct error *err)
{
	const char *reason = NULL;
	int r = advance(scan, err);

	while (r > 0) {
		const char *at = buf_string(&scan->window) + scan->used;

		switch (journal_record_decode((const uint8_t *)at, scan->window.length - scan->used,
					      scan->chain, ret, &reason)) {
		case JOURNAL_WHOLE:
			return take(scan, ret, err);
		case JOURNAL_WRONG:
			return journal_damaged(segment_of(scan), scan->offset + scan->used, reason,
					       err);
		case JOURNAL_CUT:
			r = widen(scan, err);
		}
	}
	return r;
}
