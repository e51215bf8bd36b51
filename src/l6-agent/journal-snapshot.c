/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/journal-snapshot.h"

#include "l6-agent/journal-record.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

enum { SNAPSHOT_VERSION = 4, SNAPSHOT_HEAD_BYTES = 72 };
static const char snapshot_magic[8] = "CLAWSNAP";

/* spec/journal.md, "A snapshot" */
struct snapshot_wire {
	char magic[8];
	uint32_t version, bytes;
	uint64_t length, sequence, position;
	uint8_t chain[SHA256_BYTES];
};
static_assert(sizeof(struct snapshot_wire) == SNAPSHOT_HEAD_BYTES, "spec/journal.md");

int journal_snapshot_begin(const struct journal_snapshot *snapshot, const uint64_t *marks,
			   struct buf *out)
{
	struct snapshot_wire wire = {
		.version = htole32(SNAPSHOT_VERSION),
		.bytes = htole32(SNAPSHOT_HEAD_BYTES),
		.sequence = htole64(snapshot->sequence),
		.position = htole64(snapshot->position),
	};
	size_t length = snapshot->n_marks * sizeof(uint64_t);
	char *at;
	int r;

	memcpy(wire.magic, snapshot_magic, sizeof(wire.magic));
	memcpy(wire.chain, snapshot->chain, SHA256_BYTES);
	r = buf_add(out, &wire, sizeof(wire));
	if (r >= 0)
		r = buf_reserve(out, length, &at);
	if (r < 0)
		return r;
	for (size_t i = 0; i < snapshot->n_marks; i++) {
		uint64_t mark = htole64(marks[i]);

		memcpy(at + i * sizeof(mark), &mark, sizeof(mark));
	}
	buf_commit(out, length);
	return 0;
}

void journal_snapshot_seal(struct buf *bytes)
{
	uint64_t length = htole64(bytes->length + SHA256_BYTES);

	assert(bytes->length >= SNAPSHOT_HEAD_BYTES);
	memcpy(bytes->data + offsetof(struct snapshot_wire, length), &length, sizeof(length));
}

uint64_t journal_snapshot_mark(const struct journal_snapshot *snapshot, size_t index)
{
	uint64_t mark;

	memcpy(&mark, snapshot->marks + index * sizeof(mark), sizeof(mark));
	return le64toh(mark);
}

static bool wrong(const char *reason, const char **ret_reason)
{
	*ret_reason = reason;
	return false;
}

/* The index runs from the first record up to the last. */
static bool marks_fit(const struct journal_snapshot *snapshot)
{
	if (journal_snapshot_mark(snapshot, 0) != JOURNAL_HEAD_BYTES)
		return false;
	for (size_t i = 1; i < snapshot->n_marks; i++)
		if (journal_snapshot_mark(snapshot, i) <= journal_snapshot_mark(snapshot, i - 1))
			return false;
	return journal_snapshot_mark(snapshot, snapshot->n_marks - 1) <= snapshot->position;
}

bool journal_snapshot_decode(const uint8_t *bytes, size_t length, struct journal_snapshot *ret,
			     const char **ret_reason)
{
	struct snapshot_wire wire;
	uint8_t hash[SHA256_BYTES];
	size_t left, n_marks;

	if (length < sizeof(wire) + SHA256_BYTES)
		return wrong("it is incomplete", ret_reason);
	memcpy(&wire, bytes, sizeof(wire));
	if (memcmp(wire.magic, snapshot_magic, sizeof(wire.magic)) != 0 ||
	    le32toh(wire.version) != SNAPSHOT_VERSION || le32toh(wire.bytes) != sizeof(wire))
		return wrong("it is of another version", ret_reason);
	if (le64toh(wire.length) != length)
		return wrong("it is incomplete", ret_reason);
	sha256_of(bytes, length - SHA256_BYTES, hash);
	if (memcmp(hash, bytes + length - SHA256_BYTES, SHA256_BYTES) != 0)
		return wrong("it is damaged", ret_reason);
	left = length - sizeof(wire) - SHA256_BYTES;
	if (wire.sequence == 0 ||
	    (le64toh(wire.sequence) - 1) / JOURNAL_MARK_EVERY >= left / sizeof(uint64_t))
		return wrong("it holds less than it says", ret_reason);
	n_marks = (size_t)((le64toh(wire.sequence) - 1) / JOURNAL_MARK_EVERY) + 1;
	*ret = (struct journal_snapshot){
		.sequence = le64toh(wire.sequence),
		.position = le64toh(wire.position),
		.chain = bytes + offsetof(struct snapshot_wire, chain),
		.marks = bytes + sizeof(wire),
		.n_marks = n_marks,
		.fold = bytes + sizeof(wire) + n_marks * sizeof(uint64_t),
		.fold_length = left - n_marks * sizeof(uint64_t),
	};
	return marks_fit(ret) || wrong("its index does not fit", ret_reason);
}
