/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/frame.h"

#include "harness/tap.h"

#include <sys/socket.h>

TEST(the_header_is_little_endian)
{
	unsigned char header[FRAME_HEADER_BYTES];
	static const unsigned char wanted[] = { 0x04, 0x03, 0x02, 0x00, 0x01, 0x00, 0x00, 0x00 };
	enum frame_kind kind;
	uint32_t length;

	frame_header_encode(header, FRAME_REQUEST, 0x020304);
	EXPECT_INT(memcmp(header, wanted, sizeof(wanted)), ==, 0);
	EXPECT_INT(frame_header_decode(header, &kind, &length), ==, 0);
	EXPECT_INT(kind, ==, FRAME_REQUEST);
	EXPECT_INT(length, ==, 0x020304);
}

static int decode(uint32_t kind, uint32_t length)
{
	unsigned char header[FRAME_HEADER_BYTES];
	enum frame_kind ret_kind;
	uint32_t ret_length;

	frame_header_encode(header, (enum frame_kind)kind, length);
	return frame_header_decode(header, &ret_kind, &ret_length);
}

TEST(lengths_and_kinds_have_exact_bounds)
{
	EXPECT_INT(decode(FRAME_REQUEST, FRAME_REQUEST_BYTES_MAX), ==, 0);
	EXPECT_INT(decode(FRAME_REQUEST, FRAME_REQUEST_BYTES_MAX + 1), ==, -EPROTO);
	EXPECT_INT(decode(FRAME_REQUEST, 1), ==, -EPROTO);
	EXPECT_INT(decode(FRAME_BODY, 1), ==, 0);
	EXPECT_INT(decode(FRAME_BODY, 0), ==, -EPROTO);
	EXPECT_INT(decode(FRAME_BODY, FRAME_BODY_BYTES_MAX + 1), ==, -EPROTO);
	EXPECT_INT(decode(FRAME_REPLY, FRAME_REPLY_BYTES_MAX + 1), ==, -EPROTO);
	EXPECT_INT(decode(0, 2), ==, -EPROTO);
	EXPECT_INT(decode(4, 2), ==, -EPROTO);
	EXPECT_INT(decode(UINT32_MAX, 2), ==, -EPROTO);
}

TEST(what_is_written_is_read_and_the_end_is_no_error)
{
	auto_buf struct buf payload = BUF(FRAME_REQUEST_BYTES_MAX);
	enum frame_outcome outcome;
	struct error err = { 0 };
	enum frame_kind kind;
	int pair[2];

	EXPECT_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	EXPECT_INT(frame_write(pair[0], FRAME_REQUEST, "{\"a\":1}", 7), ==, 0);
	EXPECT_INT(frame_write(pair[0], FRAME_BODY, "x", 1), ==, 0);
	EXPECT_INT(close(pair[0]), ==, 0);
	EXPECT_OK(frame_read(pair[1], &kind, &payload, &outcome, &err), &err);
	EXPECT_INT(outcome, ==, FRAME_COMPLETE);
	EXPECT_STR(buf_string(&payload), "{\"a\":1}");
	EXPECT_OK(frame_read(pair[1], &kind, &payload, &outcome, &err), &err);
	EXPECT_INT(kind, ==, FRAME_BODY);
	EXPECT_STR(buf_string(&payload), "x");
	EXPECT_OK(frame_read(pair[1], &kind, &payload, &outcome, &err), &err);
	EXPECT_INT(outcome, ==, FRAME_END_OF_STREAM);
}

TEST(a_frame_that_is_cut_is_an_error)
{
	auto_buf struct buf payload = BUF(FRAME_REQUEST_BYTES_MAX);
	unsigned char header[FRAME_HEADER_BYTES];
	enum frame_outcome outcome;
	enum frame_kind kind;
	int pair[2];

	for (size_t n = 1; n <= sizeof(header); n++) {
		EXPECT_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
		frame_header_encode(header, FRAME_REQUEST, 100);
		EXPECT_INT(write(pair[0], header, n), ==, n);
		EXPECT_INT(close(pair[0]), ==, 0);
		EXPECT_INT(frame_read(pair[1], &kind, &payload, &outcome, NULL), ==, -EPROTO);
		EXPECT_INT(close(pair[1]), ==, 0);
	}
}
