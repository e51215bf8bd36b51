/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/journal-record.h"

#include "harness/tap.h"

static const struct journal_record sample = {
	.sequence = 7,
	.time_us = 1700000000000000,
	.previous = 64,
	.thread = 2,
	.turn = 3,
	.owner = 1000,
	.agent = 1,
	.kind = JOURNAL_ACCEPTED,
	.origin = JOURNAL_PERSON,
	.payload = "{\"text\":\"hi\"}",
	.payload_length = 13,
};

static void encode(struct buf *out)
{
	uint8_t chain[SHA256_BYTES] = { 1 };

	*out = BUF(JOURNAL_RECORD_MAX);
	EXPECT_INT(journal_record_encode(&sample, chain, out), ==, 0);
}

TEST(a_record_comes_back_as_it_was_written)
{
	uint8_t chain[SHA256_BYTES] = { 1 };
	struct journal_record record;
	const char *reason;
	struct buf bytes;

	encode(&bytes);
	EXPECT_INT(bytes.length, ==, journal_record_bytes(&sample));
	EXPECT_INT(
		journal_record_decode((uint8_t *)bytes.data, bytes.length, chain, &record, &reason),
		==, JOURNAL_WHOLE);
	EXPECT_INT(record.sequence, ==, 7);
	EXPECT_INT(record.time_us, ==, 1700000000000000);
	EXPECT_INT(record.previous, ==, 64);
	EXPECT_INT(record.thread, ==, 2);
	EXPECT_INT(record.turn, ==, 3);
	EXPECT_INT(record.owner, ==, 1000);
	EXPECT_INT(record.agent, ==, 1);
	EXPECT_INT(record.kind, ==, JOURNAL_ACCEPTED);
	EXPECT_INT(record.origin, ==, JOURNAL_PERSON);
	EXPECT_INT(record.payload_length, ==, 13);
	EXPECT_INT(memcmp(record.payload, sample.payload, 13), ==, 0);
	EXPECT_INT(memcmp(chain, bytes.data + bytes.length - SHA256_BYTES, SHA256_BYTES), ==, 0);
	buf_free(&bytes);
}

TEST(every_shorter_length_is_cut_and_nothing_else)
{
	struct buf bytes;

	encode(&bytes);
	for (size_t left = 0; left < bytes.length; left++) {
		uint8_t chain[SHA256_BYTES] = { 1 };
		struct journal_record record;
		const char *reason;

		EXPECT_INT(
			journal_record_decode((uint8_t *)bytes.data, left, chain, &record, &reason),
			==, JOURNAL_CUT);
	}
	buf_free(&bytes);
}

TEST(every_flipped_bit_is_wrong_and_never_cut)
{
	struct buf bytes;

	encode(&bytes);
	for (size_t bit = 0; bit < bytes.length * 8; bit++) {
		uint8_t chain[SHA256_BYTES] = { 1 };
		struct journal_record record;
		const char *reason = NULL;

		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
		EXPECT_INT(journal_record_decode((uint8_t *)bytes.data, bytes.length, chain,
						 &record, &reason),
			   ==, JOURNAL_WRONG);
		EXPECT_INT(reason != NULL, ==, 1);
		EXPECT_INT(chain[0], ==, 1);
		bytes.data[bit / 8] ^= (char)(1 << bit % 8);
	}
	buf_free(&bytes);
}

TEST(a_record_after_another_one_than_its_own_is_wrong)
{
	uint8_t chain[SHA256_BYTES] = { 2 };
	struct journal_record record;
	const char *reason;
	struct buf bytes;

	encode(&bytes);
	EXPECT_INT(
		journal_record_decode((uint8_t *)bytes.data, bytes.length, chain, &record, &reason),
		==, JOURNAL_WRONG);
	EXPECT_STR(reason, "the record does not continue the hash chain");
	buf_free(&bytes);
}

TEST(a_payload_over_the_limit_is_refused)
{
	struct journal_record record = sample;
	uint8_t chain[SHA256_BYTES] = { 0 };
	struct buf out = BUF(2 * JOURNAL_RECORD_MAX);

	record.payload_length = JOURNAL_PAYLOAD_MAX + 1;
	EXPECT_INT(journal_record_encode(&record, chain, &out), ==, -EMSGSIZE);
	EXPECT_INT(out.length, ==, 0);
}

TEST(a_head_comes_back_and_a_damaged_one_does_not)
{
	struct journal_head head = { .first_sequence = 9, .start = 4096, .chain = { 5 } }, back;
	uint8_t bytes[JOURNAL_HEAD_BYTES];

	journal_head_encode(&head, bytes);
	EXPECT_INT(journal_head_decode(bytes, &back), ==, 1);
	EXPECT_INT(back.first_sequence, ==, 9);
	EXPECT_INT(back.start, ==, 4096);
	EXPECT_INT(back.chain[0], ==, 5);
	for (size_t i = 0; i < 16; i++) {
		bytes[i] ^= 1;
		EXPECT_INT(journal_head_decode(bytes, &back), ==, 0);
		bytes[i] ^= 1;
	}
}
