/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/inner-mark.h"

#include "harness/tap.h"

#include <stdio.h>

static struct inner_mark mark;
static char sent[16384];

static void open_mark(void)
{
	struct error err = { 0 };

	EXPECT_OK(inner_mark_init(&mark, &err), &err);
}

/* The text with every @ standing for the nonce goes in byte by byte; what comes out. */
static const char *fed(const char *text)
{
	static struct buf out;
	size_t n = 0;

	for (; *text; text++) {
		if (*text != '@') {
			sent[n++] = *text;
			continue;
		}
		memcpy(sent + n, mark.nonce, INNER_NONCE_DIGITS);
		n += INNER_NONCE_DIGITS;
	}
	buf_free(&out);
	out = BUF(65536);
	mark.found = false;
	for (size_t i = 0; i < n; i++)
		EXPECT_INT(inner_mark_feed(&mark, sent + i, 1, &out), ==, 0);
	return buf_string(&out);
}

TEST(a_mark_is_taken_out_and_read)
{
	open_mark();
	EXPECT_STR(fed("before\033]7770;@;130;/a b;@\aafter"), "beforeafter");
	EXPECT_INT(mark.found, ==, 1);
	EXPECT_INT(mark.status, ==, 130);
	EXPECT_STR(mark.directory, "/a b");
}

TEST(a_directory_may_hold_anything)
{
	open_mark();
	EXPECT_STR(fed("\033]7770;@;0;/x;\a\033]7770;y\n;@\a"), "");
	EXPECT_STR(mark.directory, "/x;\a\033]7770;y\n");
}

TEST(what_does_not_know_the_number_ends_nothing)
{
	open_mark();
	EXPECT_STR(fed("\033]7770;0123456789abcdef0123456789abcdef;0;/"
		       ";0123456789abcdef0123456789abcdef\a"),
		   "\033]7770;0123456789abcdef0123456789abcdef;0;/"
		   ";0123456789abcdef0123456789abcdef\a");
	EXPECT_INT(mark.found, ==, 0);
	EXPECT_STR(fed("\033[31mred\033[0m\033]0;t\a\033\033]777"),
		   "\033[31mred\033[0m\033]0;t\a\033");
	EXPECT_STR(fed("x"), "\033]777x");
	EXPECT_INT(mark.found, ==, 0);
}

TEST(the_prompt_as_a_program_prints_it_is_no_mark)
{
	auto_buf struct buf prompt = BUF(1024);
	struct buf out = BUF(4096);

	open_mark();
	EXPECT_INT(inner_mark_prompt(&mark, &prompt), ==, 0);
	EXPECT_INT(inner_mark_feed(&mark, prompt.data, prompt.length, &out), ==, 0);
	EXPECT_STR(buf_string(&out), buf_string(&prompt));
	EXPECT_INT(mark.found, ==, 0);
	buf_free(&out);
	EXPECT_STR(fed("\033]7770;@;0;/;@\a"), "");
	EXPECT_INT(mark.found, ==, 1);
}

TEST(two_shells_have_different_numbers)
{
	struct inner_mark other;
	struct error err = { 0 };

	open_mark();
	EXPECT_OK(inner_mark_init(&other, &err), &err);
	EXPECT_INT(strcmp(mark.nonce, other.nonce), !=, 0);
}

TEST(an_endless_mark_is_let_go)
{
	struct buf out = BUF(65536);

	open_mark();
	(void)fed("\033]7770;@;0;/");
	for (size_t i = 0; i < 8000; i++)
		EXPECT_INT(inner_mark_feed(&mark, "x", 1, &out), ==, 0);
	EXPECT_INT(out.length, ==,
		   8000 + strlen("\033]7770;") + INNER_NONCE_DIGITS + strlen(";0;/"));
	buf_free(&out);
	EXPECT_STR(fed("\033]7770;@;0;/;@\a"), "");
	EXPECT_INT(mark.found, ==, 1);
}
