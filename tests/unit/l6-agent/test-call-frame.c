/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/call-frame.h"

#include "harness/tap.h"

#include <endian.h>

static void add_frame(struct buf *out, uint32_t kind, const char *payload, size_t length)
{
	uint32_t header[2] = { htole32((uint32_t)length), htole32(kind) };

	EXPECT_INT(buf_add(out, header, sizeof(header)), ==, 0);
	EXPECT_INT(buf_add(out, payload, length), ==, 0);
}

static enum call_frame_state feed_all(struct call_reply *reply, const struct buf *bytes,
				      size_t piece)
{
	enum call_frame_state state = FRAME_MORE;

	for (size_t at = 0; at < bytes->length && state == FRAME_MORE; at += piece) {
		size_t left = bytes->length - at;

		state = call_reply_feed(reply, bytes->data + at, left < piece ? left : piece);
	}
	return state;
}

TEST(a_request_is_one_frame_with_the_arguments_as_they_are)
{
	struct buf out = BUF(1 << 16);
	uint32_t header[2];

	EXPECT_INT(call_frame_request(&out, "read_file", "{\"path\":\"a\"}", 1024, 5000), ==, 0);
	memcpy(header, out.data, sizeof(header));
	EXPECT_INT(le32toh(header[0]), ==, out.length - 8);
	EXPECT_INT(le32toh(header[1]), ==, 1);
	EXPECT_STR(out.data + 8, "{\"tool\":\"read_file\",\"limit_bytes\":1024,\"timeout_ms\":5000,"
				 "\"arguments\":{\"path\":\"a\"}}");
	buf_free(&out);
}

TEST(a_short_reply_comes_whole_however_it_is_cut)
{
	static const char json[] =
		"{\"ok\":true,\"content\":\"text\",\"meta\":{\"exit\":0,\"cut\":true,\"x\":\"s\"}}";

	for (size_t piece = 1; piece < sizeof(json) + 8; piece++) {
		struct buf bytes = BUF(1 << 16);
		struct call_reply reply;

		add_frame(&bytes, 2, json, sizeof(json) - 1);
		call_reply_init(&reply, 1024);
		EXPECT_INT(feed_all(&reply, &bytes, piece), ==, FRAME_DONE);
		EXPECT_INT(reply.ok, ==, 1);
		EXPECT_STR(buf_string(&reply.content), "text");
		EXPECT_STR(buf_string(&reply.meta), "\"exit\":0,\"cut\":true");
		call_reply_free(&reply);
		buf_free(&bytes);
	}
}

TEST(a_long_reply_follows_in_body_frames)
{
	struct buf bytes = BUF(1 << 20), body = BUF(1 << 20);
	struct call_reply reply;

	for (unsigned i = 0; i < 100000; i++)
		EXPECT_INT(buf_add_char(&body, (char)('a' + i % 26)), ==, 0);
	add_frame(&bytes, 2, "{\"ok\":false,\"contentBytes\":100000,\"meta\":{}}", 44);
	add_frame(&bytes, 3, body.data, 65536);
	add_frame(&bytes, 3, body.data + 65536, 100000 - 65536);
	call_reply_init(&reply, 200000);
	EXPECT_INT(feed_all(&reply, &bytes, 999), ==, FRAME_DONE);
	EXPECT_INT(reply.ok, ==, 0);
	EXPECT_STR(buf_string(&reply.content), body.data);
	call_reply_free(&reply);
	buf_free(&bytes);
	buf_free(&body);
}

static enum call_frame_state state_of(uint32_t kind, const char *json)
{
	struct buf bytes = BUF(1 << 16);
	struct call_reply reply;
	enum call_frame_state state;

	add_frame(&bytes, kind, json, strlen(json));
	call_reply_init(&reply, 1024);
	state = feed_all(&reply, &bytes, 4096);
	call_reply_free(&reply);
	buf_free(&bytes);
	return state;
}

TEST(whatever_breaks_the_page_ends_the_conversation)
{
	EXPECT_INT(state_of(1, "{\"ok\":true,\"content\":\"\"}"), ==, FRAME_BROKEN);
	EXPECT_INT(state_of(3, "body first"), ==, FRAME_BROKEN);
	EXPECT_INT(state_of(2, "no json"), ==, FRAME_BROKEN);
	EXPECT_INT(state_of(2, "{\"content\":\"no ok\"}"), ==, FRAME_BROKEN);
	EXPECT_INT(state_of(2, "{\"ok\":true}"), ==, FRAME_BROKEN);
	EXPECT_INT(state_of(2, "{\"ok\":true,\"content\":\"a\",\"contentBytes\":5}"), ==,
		   FRAME_BROKEN);
	EXPECT_INT(state_of(2, "{\"ok\":true,\"contentBytes\":1025}"), ==, FRAME_BROKEN);
	EXPECT_INT(state_of(2, "{\"ok\":true,\"contentBytes\":0}"), ==, FRAME_BROKEN);
	EXPECT_INT(state_of(2, "{\"ok\":true,\"contentBytes\":-1}"), ==, FRAME_BROKEN);
	EXPECT_INT(state_of(2, "{\"ok\":true,\"contentBytes\":10}"), ==, FRAME_MORE);
}

TEST(bytes_behind_a_reply_end_the_conversation)
{
	struct buf bytes = BUF(1 << 16);
	struct call_reply reply;

	add_frame(&bytes, 2, "{\"ok\":true,\"content\":\"a\"}", 25);
	add_frame(&bytes, 2, "{\"ok\":true,\"content\":\"b\"}", 25);
	call_reply_init(&reply, 1024);
	EXPECT_INT(feed_all(&reply, &bytes, 4096), ==, FRAME_BROKEN);
	call_reply_free(&reply);
	buf_free(&bytes);
}

TEST(a_frame_longer_than_the_page_allows_is_refused_at_its_header)
{
	uint32_t header[2] = { htole32(FRAME_REPLY_MAX + 1), htole32(2) };
	struct call_reply reply;

	call_reply_init(&reply, 1024);
	EXPECT_INT(call_reply_feed(&reply, (const char *)header, sizeof(header)), ==, FRAME_BROKEN);
	call_reply_free(&reply);
}
