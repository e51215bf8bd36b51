/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/terminal-modes.h"

#include "harness/tap.h"

/* What takes back what a program that wrote this has left behind. */
static const char *restored(const char *written)
{
	static struct buf out;
	struct terminal_modes modes = TERMINAL_MODES;
	struct error err = { 0 };

	buf_free(&out);
	out = BUF(4096);
	for (const char *at = written; *at; at++) /* cut anywhere */
		terminal_modes_feed(&modes, at, 1);
	EXPECT_OK(terminal_modes_restore(&modes, &out), &err);
	return buf_string(&out);
}

TEST(nothing_left_behind_is_nothing_to_write)
{
	EXPECT_STR(restored(""), "");
	EXPECT_STR(restored("plain lines\r\nand more\r\n"), "");
	EXPECT_STR(restored("\033[1;31mred\033[0m\r\n"), "");
	EXPECT_STR(restored("\033[?1049h\033[?25lall\r\nof it\033[?25h\033[?1049l"), "");
	EXPECT_STR(restored("\033]0;title\a\033P+q\033\\\033(0\033(B\033=\033>\r\n"), "");
}

TEST(an_unended_line_is_ended)
{
	EXPECT_STR(restored("no newline"), "\r\n");
	EXPECT_STR(restored("progress 10%\r"), "");
	EXPECT_STR(restored("\t"), "\r\n");
}

TEST(what_was_switched_on_is_switched_off)
{
	EXPECT_STR(restored("\033[?25l"), "\033[?25h");
	EXPECT_STR(restored("\033[?7l"), "\033[?7h");
	EXPECT_STR(restored("\033[?1000;1006h"), "\033[?1000l\033[?1006l");
	EXPECT_STR(restored("\033[?2004h"), "\033[?2004l");
	EXPECT_STR(restored("\033[4h"), "\033[4l");
	EXPECT_STR(restored("\033="), "\033>");
	EXPECT_STR(restored("\033(0"), "\017\033(B");
	EXPECT_STR(restored("\033[2;10r"), "\0337\033[r\0338");
	EXPECT_STR(restored("\033[31m"), "\033[0m");
}

TEST(the_other_screen_is_left_and_the_line_is_the_one_before_it)
{
	EXPECT_STR(restored("\033[?1049hno newline"), "\033[?1049l");
	EXPECT_STR(restored("before\033[?1049hinside\r\n"), "\033[?1049l\r\n");
}

TEST(a_sequence_that_was_never_ended_is_ended)
{
	EXPECT_STR(restored("\033]0;title"), "\033\\");
	EXPECT_STR(restored("\033]0;title\033"), "\\");
	EXPECT_STR(restored("\033["), "\030");
	EXPECT_STR(restored("\033"), "\030");
	EXPECT_STR(restored("\033[?25"), "\030");
}

TEST(unknown_sequences_change_nothing)
{
	EXPECT_STR(restored("\033[?9999h\033[>4;1m\033[6n\033[c\r\n"), "\033[0m");
	EXPECT_STR(restored("\033[?1111111111111111111111111111111111111111111111111h"), "");
	EXPECT_STR(restored("\033c"), "");
}
