/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * journal-record - the bytes of one journal record and of a segment's head (L6).
 *
 * Pure functions over memory: the writer, the reader, the fuzzer and the tests share them.
 * A record is header, payload, hash; the hash covers the hash before it, so the 32 bytes in front
 * of any record are always the hash it continues (a segment's head ends with one for that reason).
 *
 * Units      Times are CLOCK_REALTIME microseconds. A position is a byte offset in the whole log:
 *            the start of its segment plus the offset in the file.
 * Source     spec/journal.md
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum journal_kind {
	JOURNAL_THREAD_NEW = 1,
	JOURNAL_ACCEPTED,
	JOURNAL_TURN_STARTED,
	JOURNAL_MODEL_STARTED,
	JOURNAL_MODEL_DONE,
	JOURNAL_TOOL_STARTED,
	JOURNAL_TOOL_DONE,
	JOURNAL_QUESTION,
	JOURNAL_DECISION,
	JOURNAL_ANSWER,
	JOURNAL_TURN_DONE,
	JOURNAL_STEER,
	JOURNAL_HEAD,
	JOURNAL_COMPACT_STARTED,
	JOURNAL_COMPACTED,
	JOURNAL_KIND_END,
};

/* Who caused a record. */
enum journal_origin {
	JOURNAL_PERSON = 1,
	JOURNAL_AGENT,
	JOURNAL_MODEL,
	JOURNAL_TOOL,
	JOURNAL_RECOVERY,
	JOURNAL_ORIGIN_END,
};

enum {
	JOURNAL_HEADER_BYTES = 64,
	JOURNAL_HEAD_BYTES = 64, /* of a segment */
	JOURNAL_HEAD_VERSION = 1,
	JOURNAL_PAYLOAD_MAX = 1024 * 1024,
	JOURNAL_RECORD_MIN = JOURNAL_HEADER_BYTES + SHA256_BYTES,
	JOURNAL_RECORD_MAX = JOURNAL_RECORD_MIN + JOURNAL_PAYLOAD_MAX,
};

struct journal_record {
	uint64_t position; /* not in the bytes: where the record begins */
	uint64_t sequence;
	uint64_t time_us;
	uint64_t previous; /* position of the record before in this thread; 0: none */
	uint64_t thread, turn;
	uint32_t owner, agent;
	enum journal_kind kind;
	enum journal_origin origin;
	const char *payload; /* JSON text, not NUL-terminated; borrowed */
	size_t payload_length;
};

/* "accepted" …; NULL outside the enum. */
const char *journal_kind_name(enum journal_kind kind);

static inline size_t journal_record_bytes(const struct journal_record *record)
{
	return JOURNAL_RECORD_MIN + record->payload_length;
}

/* Appends the record's bytes; chain holds the hash before and then this record's. -EMSGSIZE over
 * JOURNAL_PAYLOAD_MAX. */
must_check int journal_record_encode(const struct journal_record *record,
				     uint8_t chain[SHA256_BYTES], struct buf *out);

enum journal_outcome {
	JOURNAL_WHOLE,
	JOURNAL_CUT,   /* what is there could be the front of a record: the file ends inside it */
	JOURNAL_WRONG, /* not a record; *ret_reason says why */
};

/*
 * Reads the record at the front of left bytes. chain as for encoding; untouched unless WHOLE.
 * ret->payload points into bytes; ret->position is not set.
 */
enum journal_outcome journal_record_decode(const uint8_t *bytes, size_t left,
					   uint8_t chain[SHA256_BYTES], struct journal_record *ret,
					   const char **ret_reason);

/* The header alone (at least JOURNAL_HEADER_BYTES): its check, but no hash and no payload pointer.
 */
bool journal_record_peek(const uint8_t *bytes, struct journal_record *ret);

struct journal_head {
	uint64_t first_sequence; /* of the first record in the segment */
	uint64_t start;          /* position of the head itself */
	uint8_t chain[SHA256_BYTES];
};

void journal_head_encode(const struct journal_head *head, uint8_t ret[JOURNAL_HEAD_BYTES]);
/* The version a head says it is of; 0: it is no head. */
uint32_t journal_head_version(const uint8_t bytes[JOURNAL_HEAD_BYTES]);
/* False when these are not the bytes of a head of this version. */
bool journal_head_decode(const uint8_t bytes[JOURNAL_HEAD_BYTES], struct journal_head *ret);
