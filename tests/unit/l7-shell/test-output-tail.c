/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/output-tail.h"

#include "harness/tap.h"

#include <stdio.h>

static const char *text_of(const char *written, uint64_t *ret_cut)
{
	static struct buf out;
	struct output_tail tail = OUTPUT_TAIL;

	EXPECT_INT(output_tail_add(&tail, written, strlen(written)), ==, 0);
	buf_free(&out);
	out = BUF(4 * OUTPUT_TAIL_BYTES);
	EXPECT_INT(output_tail_text(&tail, &out, ret_cut), ==, 0);
	output_tail_free(&tail);
	return buf_string(&out);
}

TEST(the_text_is_what_a_person_would_still_see)
{
	uint64_t cut = 1;

	EXPECT_STR(text_of("one\r\ntwo\r\n", &cut), "one\ntwo\n");
	EXPECT_INT(cut, ==, 0);
	EXPECT_STR(text_of("10%\r50%\r100%\r\n", &cut), "100%\n");
	EXPECT_STR(text_of("abc\b\bX\n", &cut), "aX\n");
	EXPECT_STR(text_of("\xC3\xA9\b!\n", &cut), "!\n");
	EXPECT_STR(text_of("\b\b\rx", &cut), "x");
	EXPECT_STR(text_of("a\tb\a\x01\n", &cut), "a\tb\n");
}

TEST(escapes_are_taken_away)
{
	uint64_t cut;

	EXPECT_STR(text_of("\033[1;31mred\033[0m "
			   "\033]0;title\alink\033]8;;http://x\033\\here\033]8;;\033\\\n",
			   &cut),
		   "red linkhere\n");
	EXPECT_STR(text_of("\033(0lqk\033(B\033=\033c.\n", &cut), "lqk.\n");
	EXPECT_STR(text_of("cut \033[1", &cut), "cut ");
	EXPECT_STR(text_of("cut \033]0;never ended", &cut), "cut ");
	EXPECT_STR(text_of("cut \033", &cut), "cut ");
}

TEST(bytes_that_are_no_text_are_marked)
{
	uint64_t cut;

	EXPECT_STR(text_of("a\xFFz\xC3\n", &cut), "a\xEF\xBF\xBDz\xEF\xBF\xBD\n");
}

TEST(only_the_end_of_much_output_stays)
{
	struct output_tail tail = OUTPUT_TAIL;
	auto_buf struct buf out = BUF(4 * OUTPUT_TAIL_BYTES);
	uint64_t cut = 0, total = 0;
	char line[32];

	for (unsigned i = 0; i < 100000; i++) {
		int n = snprintf(line, sizeof(line), "line %u \xE2\x82\xAC\n", i);

		total += (uint64_t)n;
		EXPECT_INT(output_tail_add(&tail, line, (size_t)n), ==, 0);
		EXPECT_INT(tail.bytes.length, <=, 2 * OUTPUT_TAIL_BYTES);
	}
	EXPECT_INT(output_tail_text(&tail, &out, &cut), ==, 0);
	EXPECT_INT(cut + out.length, ==, total);
	EXPECT_INT(out.length, <=, OUTPUT_TAIL_BYTES);
	EXPECT_INT(out.length, >, OUTPUT_TAIL_BYTES - 4);
	EXPECT_STR(buf_string(&out) + out.length - strlen("line 99999 \xE2\x82\xAC\n"),
		   "line 99999 \xE2\x82\xAC\n");
	output_tail_begin(&tail);
	buf_truncate(&out, 0);
	EXPECT_INT(output_tail_text(&tail, &out, &cut), ==, 0);
	EXPECT_INT(out.length + cut, ==, 0);
	output_tail_free(&tail);
}

TEST(one_write_larger_than_the_tail_leaves_its_end)
{
	static char much[3 * OUTPUT_TAIL_BYTES];
	struct output_tail tail = OUTPUT_TAIL;
	auto_buf struct buf out = BUF(4 * OUTPUT_TAIL_BYTES);
	uint64_t cut;

	memset(much, 'a', sizeof(much));
	EXPECT_INT(output_tail_add(&tail, much, sizeof(much)), ==, 0);
	EXPECT_INT(output_tail_text(&tail, &out, &cut), ==, 0);
	EXPECT_INT(out.length, ==, OUTPUT_TAIL_BYTES);
	EXPECT_INT(cut, ==, 2 * OUTPUT_TAIL_BYTES);
	output_tail_free(&tail);
}
