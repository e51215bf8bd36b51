/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/journal-record.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

enum { RECORD_MAGIC = 0x314a4c43 /* "CLJ1" */, CHECK_OFFSET = 60 };
static const char head_magic[8] = "CLAWJRNL";

/* spec/journal.md, "A record" */
struct record_wire {
	uint32_t magic, length;
	uint64_t sequence, time_us, previous, thread, turn;
	uint32_t owner;
	uint16_t kind, origin;
	uint32_t agent;
	uint32_t check;
};
static_assert(sizeof(struct record_wire) == JOURNAL_HEADER_BYTES, "spec/journal.md");
static_assert(offsetof(struct record_wire, check) == CHECK_OFFSET, "spec/journal.md");

struct head_wire {
	char magic[8];
	uint32_t version, bytes;
	uint64_t first_sequence, start;
	uint8_t chain[SHA256_BYTES];
};
static_assert(sizeof(struct head_wire) == JOURNAL_HEAD_BYTES, "spec/journal.md");

static const char *const kind_names[JOURNAL_KIND_END] = {
	[JOURNAL_THREAD_NEW] = "thread-new",
	[JOURNAL_ACCEPTED] = "accepted",
	[JOURNAL_TURN_STARTED] = "turn-started",
	[JOURNAL_MODEL_STARTED] = "model-started",
	[JOURNAL_MODEL_DONE] = "model-done",
	[JOURNAL_TOOL_STARTED] = "tool-started",
	[JOURNAL_TOOL_DONE] = "tool-done",
	[JOURNAL_QUESTION] = "question",
	[JOURNAL_DECISION] = "decision",
	[JOURNAL_ANSWER] = "answer",
	[JOURNAL_TURN_DONE] = "turn-done",
	[JOURNAL_STEER] = "steer",
	[JOURNAL_HEAD] = "head",
	[JOURNAL_COMPACT_STARTED] = "compact-started",
	[JOURNAL_COMPACTED] = "compacted",
};

const char *journal_kind_name(enum journal_kind kind)
{
	return (unsigned)kind < JOURNAL_KIND_END ? kind_names[kind] : NULL;
}

/* The header's own check: a flipped length must not make a whole record look like a cut one. */
static uint32_t header_check(const void *header)
{
	uint8_t hash[SHA256_BYTES];
	uint32_t check;

	sha256_of(header, CHECK_OFFSET, hash);
	memcpy(&check, hash, sizeof(check));
	return check;
}

static void hash_record(const uint8_t before[SHA256_BYTES], const void *bytes, size_t length,
			uint8_t ret[SHA256_BYTES])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, before, SHA256_BYTES);
	sha256_add(&hash, bytes, length);
	sha256_end(&hash, ret);
}

int journal_record_encode(const struct journal_record *record, uint8_t chain[SHA256_BYTES],
			  struct buf *out)
{
	size_t hashed = JOURNAL_HEADER_BYTES + record->payload_length;
	struct record_wire wire = {
		.magic = htole32(RECORD_MAGIC),
		.length = htole32((uint32_t)journal_record_bytes(record)),
		.sequence = htole64(record->sequence),
		.time_us = htole64(record->time_us),
		.previous = htole64(record->previous),
		.thread = htole64(record->thread),
		.turn = htole64(record->turn),
		.owner = htole32(record->owner),
		.kind = htole16((uint16_t)record->kind),
		.origin = htole16((uint16_t)record->origin),
		.agent = htole32(record->agent),
	};
	char *at;
	int r;

	assert(journal_kind_name(record->kind));
	if (record->payload_length > JOURNAL_PAYLOAD_MAX)
		return -EMSGSIZE;
	wire.check = header_check(&wire);
	r = buf_reserve(out, hashed + SHA256_BYTES, &at);
	if (r < 0)
		return r;
	memcpy(at, &wire, sizeof(wire));
	if (record->payload_length > 0)
		memcpy(at + JOURNAL_HEADER_BYTES, record->payload, record->payload_length);
	hash_record(chain, at, hashed, chain);
	memcpy(at + hashed, chain, SHA256_BYTES);
	buf_commit(out, hashed + SHA256_BYTES);
	return 0;
}

static bool is_in_range(const struct record_wire *wire)
{
	uint32_t length = le32toh(wire->length);

	return length >= JOURNAL_RECORD_MIN && length <= JOURNAL_RECORD_MAX &&
	       journal_kind_name(le16toh(wire->kind)) && le16toh(wire->origin) > 0 &&
	       le16toh(wire->origin) < JOURNAL_ORIGIN_END;
}

bool journal_record_peek(const uint8_t *bytes, struct journal_record *ret)
{
	struct record_wire wire;

	memcpy(&wire, bytes, sizeof(wire));
	if (le32toh(wire.magic) != RECORD_MAGIC || wire.check != header_check(&wire) ||
	    !is_in_range(&wire))
		return false;
	*ret = (struct journal_record){
		.sequence = le64toh(wire.sequence),
		.time_us = le64toh(wire.time_us),
		.previous = le64toh(wire.previous),
		.thread = le64toh(wire.thread),
		.turn = le64toh(wire.turn),
		.owner = le32toh(wire.owner),
		.agent = le32toh(wire.agent),
		.kind = le16toh(wire.kind),
		.origin = le16toh(wire.origin),
		.payload_length = le32toh(wire.length) - JOURNAL_RECORD_MIN,
	};
	return true;
}

static enum journal_outcome wrong(const char *reason, const char **ret_reason)
{
	*ret_reason = reason;
	return JOURNAL_WRONG;
}

enum journal_outcome journal_record_decode(const uint8_t *bytes, size_t left,
					   uint8_t chain[SHA256_BYTES], struct journal_record *ret,
					   const char **ret_reason)
{
	const uint32_t magic = htole32(RECORD_MAGIC);
	struct journal_record record;
	uint8_t hash[SHA256_BYTES];
	size_t hashed;

	if (memcmp(bytes, &magic, left < sizeof(magic) ? left : sizeof(magic)) != 0)
		return wrong("no record begins here", ret_reason);
	if (left < JOURNAL_HEADER_BYTES)
		return JOURNAL_CUT;
	if (!journal_record_peek(bytes, &record))
		return wrong("the record's header is damaged", ret_reason);
	if (left < journal_record_bytes(&record))
		return JOURNAL_CUT;
	hashed = JOURNAL_HEADER_BYTES + record.payload_length;
	hash_record(chain, bytes, hashed, hash);
	if (memcmp(hash, bytes + hashed, SHA256_BYTES) != 0)
		return wrong("the record does not continue the hash chain", ret_reason);
	record.payload = (const char *)bytes + JOURNAL_HEADER_BYTES;
	memcpy(chain, hash, SHA256_BYTES);
	*ret = record;
	return JOURNAL_WHOLE;
}

void journal_head_encode(const struct journal_head *head, uint8_t ret[JOURNAL_HEAD_BYTES])
{
	struct head_wire wire = {
		.version = htole32(JOURNAL_HEAD_VERSION),
		.bytes = htole32(JOURNAL_HEAD_BYTES),
		.first_sequence = htole64(head->first_sequence),
		.start = htole64(head->start),
	};

	memcpy(wire.magic, head_magic, sizeof(wire.magic));
	memcpy(wire.chain, head->chain, SHA256_BYTES);
	memcpy(ret, &wire, sizeof(wire));
}

uint32_t journal_head_version(const uint8_t bytes[JOURNAL_HEAD_BYTES])
{
	struct head_wire wire;

	memcpy(&wire, bytes, sizeof(wire));
	return memcmp(wire.magic, head_magic, sizeof(wire.magic)) == 0 ? le32toh(wire.version) : 0;
}

bool journal_head_decode(const uint8_t bytes[JOURNAL_HEAD_BYTES], struct journal_head *ret)
{
	struct head_wire wire;

	memcpy(&wire, bytes, sizeof(wire));
	if (memcmp(wire.magic, head_magic, sizeof(wire.magic)) != 0 ||
	    le32toh(wire.version) != JOURNAL_HEAD_VERSION ||
	    le32toh(wire.bytes) != JOURNAL_HEAD_BYTES)
		return false;
	*ret = (struct journal_head){
		.first_sequence = le64toh(wire.first_sequence),
		.start = le64toh(wire.start),
	};
	memcpy(ret->chain, wire.chain, SHA256_BYTES);
	return true;
}
