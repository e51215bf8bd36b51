/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/call.h"

#include "base/clock.h"
#include "harness/tap.h"
#include "l5-wasm/frame.h"

#define REQUEST \
	"{\"tool\":\"x\",\"arguments\":{\"s\":\"text\",\"n\":5,\"b\":true,\"z\":null}," \
	"\"limit_bytes\":2048,\"timeout_ms\":1500}"

TEST(a_request_is_read_with_its_deadline)
{
	CLEANUP(call_fini) struct call call = { 0 };
	struct error err = { 0 };

	clock_set_fake(1000000, 0);
	EXPECT_OK(call_parse(REQUEST, strlen(REQUEST), 7, &call, &err), &err);
	EXPECT_STR(call.tool, "x");
	EXPECT_INT(call.workspace_fd, ==, 7);
	EXPECT_INT(call.limit_bytes, ==, 2048);
	EXPECT_INT(call.deadline_us, ==, 2500000);
	EXPECT_INT(call_is_late(&call), ==, false);
	clock_set_fake(2500000, 0);
	EXPECT_INT(call_is_late(&call), ==, true);
}

TEST(arguments_have_types_bounds_and_fallbacks)
{
	CLEANUP(call_fini) struct call call = { 0 };
	CLEANUP(reply_fini) struct reply reply = { 0 };
	struct error err = { 0 };
	const char *string;
	int64_t number;
	bool flag;

	EXPECT_OK(call_parse(REQUEST, strlen(REQUEST), -1, &call, &err), &err);
	reply_init(&reply);
	EXPECT_INT(call_string(&call, "s", NULL, &reply, &string), ==, 0);
	EXPECT_STR(string, "text");
	EXPECT_INT(call_string(&call, "z", "fallback", &reply, &string), ==, 0);
	EXPECT_STR(string, "fallback");
	EXPECT_INT(call_string(&call, "q", NULL, &reply, &string), ==, -EINVAL);
	EXPECT_STR(buf_string(&reply.content), "\"q\" is missing");
	EXPECT_INT(call_string(&call, "n", NULL, &reply, &string), ==, -EINVAL);
	EXPECT_STR(buf_string(&reply.content), "\"n\" must be a string");
	EXPECT_INT(call_number(&call, "n", 1, 1, 5, &reply, &number), ==, 0);
	EXPECT_INT(number, ==, 5);
	EXPECT_INT(call_number(&call, "q", 9, 1, 5, &reply, &number), ==, 0);
	EXPECT_INT(number, ==, 9);
	EXPECT_INT(call_number(&call, "n", 1, 1, 4, &reply, &number), ==, -EINVAL);
	EXPECT_STR(buf_string(&reply.content), "\"n\" must be from 1 to 4, not 5");
	EXPECT_INT(call_bool(&call, "b", false, &reply, &flag), ==, 0);
	EXPECT_INT(flag, ==, true);
	EXPECT_INT(call_bool(&call, "s", false, &reply, &flag), ==, -EINVAL);
}

static void fit(const char *text, size_t length, size_t limit, const char *wanted)
{
	CLEANUP(reply_fini) struct reply reply = { 0 };

	reply_init(&reply);
	EXPECT_INT(buf_add(&reply.content, text, length), ==, 0);
	EXPECT_INT(reply_fit(&reply, limit), ==, 0);
	EXPECT_STR(buf_string(&reply.content), wanted);
}

TEST(content_becomes_utf_8_without_nul)
{
	fit("a\0b", 3, 1024,
	    "a\xEF\xBF\xBD"
	    "b");
	fit("\xff\xC3\xA4\xC3", 4, 1024, "\xEF\xBF\xBD\xC3\xA4\xEF\xBF\xBD");
	fit("plain \x1b[1m", 10, 1024, "plain \x1b[1m");
}

TEST(content_is_cut_in_the_middle_between_characters)
{
	CLEANUP(reply_fini) struct reply reply = { 0 };
	size_t n;

	reply_init(&reply);
	for (int i = 0; i < 1000; i++)
		EXPECT_INT(buf_add_string(&reply.content, "\xE2\x82\xAC"), ==, 0);
	EXPECT_INT(reply_fit(&reply, 1024), ==, 0);
	EXPECT_INT(reply.cut, ==, true);
	EXPECT_INT(reply.content.length, <=, 1024);
	n = strcspn(reply.content.data, "\n");
	EXPECT_INT(n % 3, ==, 0);
	EXPECT_INT(strncmp(reply.content.data + n, "\n[\xE2\x80\xA6 ", 5), ==, 0);
}

TEST(the_reply_leaves_out_what_is_absent)
{
	CLEANUP(reply_fini) struct reply reply = { 0 };
	auto_buf struct buf frame = BUF(FRAME_REPLY_BYTES_MAX);

	reply_init(&reply);
	reply.exit_status = 0;
	reply.cut = true;
	EXPECT_INT(reply_fail(&reply, -EINVAL, "say \"%s\"", "x"), ==, -EINVAL);
	EXPECT_INT(reply_encode(&reply, false, 12, &frame), ==, 0);
	EXPECT_STR(buf_string(&frame), "{\"ok\":false,\"content\":\"say "
				       "\\\"x\\\"\",\"meta\":{\"wallUsec\":12,\"cut\":true,"
				       "\"exit\":0}}");
}

TEST(a_long_content_is_only_announced)
{
	CLEANUP(reply_fini) struct reply reply = { 0 };
	auto_buf struct buf frame = BUF(FRAME_REPLY_BYTES_MAX);

	reply_init(&reply);
	for (int i = 0; i <= FRAME_BODY_BYTES_MAX; i++)
		EXPECT_INT(buf_add_char(&reply.content, 'x'), ==, 0);
	EXPECT_INT(reply_encode(&reply, true, 0, &frame), ==, 0);
	EXPECT_STR(buf_string(&frame),
		   "{\"ok\":true,\"contentBytes\":65537,\"meta\":{\"wallUsec\":0}}");
}
