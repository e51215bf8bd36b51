/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Reading records back by position and by sequence. Every read is checked against the chain. */
#include "l6-agent/journal-internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { READ_FIRST = 4096 };

struct journal_segment *journal_find_segment(const struct journal *journal, uint64_t position)
{
	size_t low = 0, high = journal->n_segments;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (journal->segments[middle].start <= position)
			low = middle;
		else
			high = middle;
	}
	return &journal->segments[low];
}

static int unreadable(uint64_t position, const char *reason, struct error *err)
{
	return FAIL(err, -EBADMSG, "the journal cannot be read at position %" PRIu64 ": %s",
		    position, reason);
}

int journal_read_at(int fd, char *into, size_t length, uint64_t offset, size_t *ret)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = pread(fd, into + done, length - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*ret = done;
	return 0;
}

/* The chain value and as much of the record as is wanted, from the file or from what waits. */
static int load(struct journal *journal, uint64_t position, size_t want, struct buf *out)
{
	const struct journal_segment *segment = journal_find_segment(journal, position);
	uint64_t end = journal_durable_end(journal), offset = position - segment->start;
	size_t got = 0, length = SHA256_BYTES + want;
	char *at;
	int r;

	buf_truncate(out, 0);
	if (position >= end) { /* appended and not yet written */
		if (position - end >= journal->pending.length)
			return -ENOENT;
		got = journal->pending.length - (size_t)(position - end);
		r = buf_reserve(out, SHA256_BYTES, &at);
		if (r < 0)
			return r;
		memset(at, 0, SHA256_BYTES);
		buf_commit(out, SHA256_BYTES);
		return buf_add(out, journal->pending.data + (position - end),
			       got < want ? got : want);
	}
	if (offset < JOURNAL_HEAD_BYTES)
		return -ENOENT;
	r = buf_reserve(out, length, &at);
	if (r >= 0)
		r = journal_read_at(segment->fd, at, length, offset - SHA256_BYTES, &got);
	if (r >= 0)
		buf_commit(out, got);
	return r;
}

int journal_peek(struct journal *journal, uint64_t position, struct journal_record *ret,
		 struct error *err)
{
	struct buf bytes = BUF(SHA256_BYTES + JOURNAL_HEADER_BYTES);
	int r = load(journal, position, JOURNAL_HEADER_BYTES, &bytes);

	if (r < 0)
		r = unreadable(position, strerror(-r), err);
	else if (bytes.length < SHA256_BYTES + JOURNAL_HEADER_BYTES ||
		 !journal_record_peek((const uint8_t *)bytes.data + SHA256_BYTES, ret))
		r = unreadable(position, "no record begins here", err);
	else
		ret->position = position;
	buf_free(&bytes);
	return r;
}

/* Loads the whole record, header first seen to know how much that is. */
static int load_whole(struct journal *journal, uint64_t position, struct buf *bytes,
		      struct journal_record *ret)
{
	int r = load(journal, position, READ_FIRST, bytes);

	if (r < 0)
		return r;
	if (bytes->length < SHA256_BYTES + JOURNAL_RECORD_MIN ||
	    !journal_record_peek((const uint8_t *)bytes->data + SHA256_BYTES, ret))
		return -EBADMSG;
	if (bytes->length < SHA256_BYTES + journal_record_bytes(ret))
		r = load(journal, position, journal_record_bytes(ret), bytes);
	if (r >= 0 && bytes->length < SHA256_BYTES + journal_record_bytes(ret))
		r = -EBADMSG;
	return r;
}

int journal_read(struct journal *journal, uint64_t position, struct buf *payload,
		 struct journal_record *ret, struct error *err)
{
	struct buf bytes = BUF(SHA256_BYTES + JOURNAL_RECORD_MAX);
	const char *reason = "it is damaged";
	uint8_t chain[SHA256_BYTES];
	int r = load_whole(journal, position, &bytes, ret);

	if (r >= 0 && position < journal_durable_end(journal)) {
		memcpy(chain, bytes.data, SHA256_BYTES);
		if (journal_record_decode((const uint8_t *)bytes.data + SHA256_BYTES,
					  bytes.length - SHA256_BYTES, chain, ret,
					  &reason) != JOURNAL_WHOLE)
			r = -EBADMSG;
	}
	if (r < 0)
		r = unreadable(position, r == -EBADMSG ? reason : strerror(-r), err);
	buf_truncate(payload, 0);
	if (r >= 0)
		r = buf_add(payload, bytes.data + SHA256_BYTES + JOURNAL_HEADER_BYTES,
			    ret->payload_length);
	if (r >= 0) {
		ret->position = position;
		ret->payload = buf_string(payload);
	}
	buf_free(&bytes);
	return r;
}

uint64_t journal_next(const struct journal *journal, const struct journal_record *record)
{
	const struct journal_segment *segment = journal_find_segment(journal, record->position);
	uint64_t next = record->position + journal_record_bytes(record);

	if (record->sequence >= journal->durable_sequence)
		return 0;
	return next == segment->start + segment->bytes ? next + JOURNAL_HEAD_BYTES : next;
}

int journal_seek(struct journal *journal, uint64_t sequence, uint64_t *ret, struct error *err)
{
	uint64_t wanted = sequence ? sequence : 1;
	struct journal_record record = { 0 };
	uint64_t position;

	*ret = 0;
	if (wanted > journal->durable_sequence)
		return 0;
	position = journal->marks[(wanted - 1) / JOURNAL_MARK_EVERY];
	for (;;) {
		int r = journal_peek(journal, position, &record, err);

		if (r < 0)
			return r;
		if (record.sequence >= wanted)
			break;
		position = journal_next(journal, &record);
	}
	*ret = position;
	return 0;
}
