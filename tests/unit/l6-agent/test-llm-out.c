/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-out.h"

#include "harness/tap.h"

#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 4096 };

static const char *const stops[] = { "STOP", "\n\n" };

/* Feeds the pieces and gives what came out, pieces divided by '|', then "!" when stopped. */
static char *run(const char *const *pieces, size_t n, size_t n_stops)
{
	struct llm_out out = { .stops = stops, .n_stops = n_stops, .held = BUF(BYTES_MAX) };
	struct buf text = BUF(BYTES_MAX);

	for (size_t i = 0; i < n; i++) {
		EXPECT_INT(llm_out_add(&out, pieces[i], strlen(pieces[i]), &text), ==, 0);
		EXPECT_INT(buf_add_char(&text, '|'), ==, 0);
	}
	EXPECT_INT(llm_out_end(&out, &text), ==, 0);
	if (out.stopped)
		EXPECT_INT(buf_add_char(&text, '!'), ==, 0);
	return buf_take(&text);
}

#define EXPECT_OUT(wanted, n_stops, ...) \
	do { \
		const char *const pieces_[] = { __VA_ARGS__ }; \
		char *got_ = run(pieces_, sizeof(pieces_) / sizeof(pieces_[0]), n_stops); \
		EXPECT_STR(got_, wanted); \
		free(got_); \
	} while (0)

TEST(plain_text_passes_at_once)
{
	EXPECT_OUT("It is| so.|", 2, "It is", " so.");
}

TEST(a_character_in_two_tokens_comes_out_whole)
{
	EXPECT_OUT("f|ür|", 0, "f\xc3", "\xbcr");
	EXPECT_OUT("|||😀|", 0, "\xf0", "\x9f", "\x98", "\x80");
}

TEST(a_character_cut_off_at_the_end_is_dropped)
{
	EXPECT_OUT("f|", 0, "f\xc3");
}

TEST(bytes_that_are_no_character_are_replaced)
{
	EXPECT_OUT("a\xef\xbf\xbd"
		   "b|",
		   0,
		   "a\xff"
		   "b");
	EXPECT_OUT("|\xef\xbf\xbdx|", 0, "\xc3", "x");
}

TEST(a_stop_text_ends_the_text_and_is_not_shown)
{
	EXPECT_OUT("go on |!", 2, "go on STOP here");
	EXPECT_OUT("go on |||!", 2, "go on ST", "OP", " more");
	EXPECT_OUT("a||!", 2, "a\n", "\nb");
}

TEST(the_beginning_of_a_stop_text_is_held_back_until_it_is_none)
{
	EXPECT_OUT("go |STSTA|RT|", 2, "go ST", "STA", "RT");
	EXPECT_OUT("go |STO", 2, "go STO");
	EXPECT_OUT("S|STOP|", 0, "S", "STOP");
}

TEST(the_first_of_two_stop_texts_counts)
{
	EXPECT_OUT("x|!", 2, "x\n\nySTOP");
}
