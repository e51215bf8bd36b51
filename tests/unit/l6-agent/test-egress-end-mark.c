/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-end-mark.h"

#include "harness/tap.h"

#include <string.h>

/* The text whole, in single bytes, and in pieces that are longer than the tail. */
static void expect_mark(const char *text, bool wanted)
{
	static const size_t steps[] = { 1, 7, 1000 };

	for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
		struct end_mark mark = { 0 };
		size_t length = strlen(text);

		for (size_t at = 0; at < length; at += steps[s])
			end_mark_add(&mark, text + at,
				     steps[s] < length - at ? steps[s] : length - at);
		EXPECT_INT(end_mark_is_seen(&mark), ==, wanted);
	}
}

TEST(a_line_of_its_own_says_the_end)
{
	expect_mark("data: {\"choices\":[]}\n\ndata: [DONE]\n\n", true);
	expect_mark("data: {\"choices\":[]}\n\ndata: [DONE]\n", true);
	expect_mark("data: {\"choices\":[]}\r\n\r\ndata:[DONE]\r\n\r\n", true);
	expect_mark("data: {}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", true);
	expect_mark("data: {}\n\nevent: message_stop\ndata: {\"type\": \"message_stop\" }\n\n",
		    true);
}

TEST(words_of_a_model_do_not)
{
	expect_mark("", false);
	expect_mark("data: {}\n\n", false);
	expect_mark("data: {}\n\ndata: [DONE]", false); /* its line may go on */
	expect_mark("data: {\"content\":\"\\ndata: [DONE]\\n\"}\n\n", false);
	expect_mark("data: {\"content\":\"[DONE]\"}\n\n", false);
	expect_mark("data: [DONE]\n\ndata: {}\n\n", false);
	expect_mark("data: {}\n\nevent: message_stop\n\n", false);
	expect_mark("data: {}\n\nevent: message_stop\ndata: {\"type\"", false);
	expect_mark("data: {\"text\":\"\\nevent: message_stop\\ndata: {}\"}\n\n", false);
	expect_mark("x [DONE]\n", false);
}
