/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/html-text.h"

#include "base/clock.h"
#include "base/utf8.h"

#include "harness/cases.h"
#include "harness/tap.h"

#include <stdio.h>
#include <stdlib.h>

enum { OUT_BYTES_MAX = 1 << 20, FIELDS = 3, CASES_MIN = 50, LARGE_BYTES = 4 << 20 };

static void convert_case(const struct test_case *c)
{
	auto_buf struct buf out = BUF(OUT_BYTES_MAX);
	size_t length = cases_unescape(c->fields[0]);
	bool cut = true;

	(void)cases_unescape(c->fields[1]);
	EXPECT_INT(html_text_convert(c->fields[0], length, NULL, &out, &cut), ==, 0);
	EXPECT_INT(cut, ==, 0);
	if (strcmp(c->fields[1], " ") == 0)
		c->fields[1][0] = '\0';
	if (strcmp(buf_string(&out), c->fields[1]) != 0)
		tap_fail(c->file, c->line, "got \"%s\", wanted \"%s\"", buf_string(&out),
			 c->fields[1]);
}

TEST(pages_become_the_markdown_of_their_cases)
{
	cases_run("html-text", FIELDS, CASES_MIN, convert_case);
}

static void step_case(const struct test_case *c)
{
	auto_buf struct buf whole = BUF(OUT_BYTES_MAX), pieces = BUF(OUT_BYTES_MAX);
	size_t length = cases_unescape(c->fields[0]);
	struct html_text *text = NULL;
	bool cut;

	EXPECT_INT(html_text_convert(c->fields[0], length, NULL, &whole, &cut), ==, 0);
	EXPECT_INT(html_text_open(c->fields[0], length, NULL, &pieces, &text), ==, 0);
	while (html_text_step(text, 1, &cut) == 1)
		;
	html_text_close(text);
	EXPECT_STR(buf_string(&pieces), buf_string(&whole));
}

TEST(a_page_in_pieces_becomes_the_same)
{
	cases_run("html-text", FIELDS, CASES_MIN, step_case);
}

TEST(a_piece_of_a_long_page_is_as_long_as_it_was_asked_for)
{
	auto_buf struct buf page = BUF(LARGE_BYTES), out = BUF(LARGE_BYTES);
	struct html_text *text = NULL;
	unsigned steps = 1;
	bool cut;

	while (page.length < 1 << 20)
		EXPECT_INT(buf_add_string(&page, "<p>Some <b>words</b></p>\n"), ==, 0);
	EXPECT_INT(html_text_open(page.data, page.length, NULL, &out, &text), ==, 0);
	while (html_text_step(text, 1 << 16, &cut) == 1)
		steps++;
	html_text_close(text);
	EXPECT_INT(steps, ==, 17);
}

TEST(what_does_not_fit_is_cut_at_a_character)
{
	static const char page[] = "<p>ab\xC3\xA9\xE2\x82\xAC"
				   "cd";

	for (size_t max = 1; max < 12; max++) {
		auto_buf struct buf out = BUF(max);
		bool cut = false;

		EXPECT_INT(html_text_convert(page, sizeof(page) - 1, NULL, &out, &cut), ==, 0);
		EXPECT_INT(cut, ==, max < 9);
		EXPECT_INT(utf8_is_valid(buf_string(&out), out.length), ==, 1);
	}
}

TEST(the_charset_of_the_head_counts_before_the_pages)
{
	static const char page[] = "<meta charset=utf-8>\xE9";
	auto_buf struct buf out = BUF(100);
	bool cut;

	EXPECT_INT(html_text_convert(page, sizeof(page) - 1, "text/html; charset=ISO-8859-1", &out,
				     &cut),
		   ==, 0);
	EXPECT_STR(buf_string(&out), "\xC3\xA9");
}

/* What this process has computed: a busy machine does not count. */
static uint64_t cpu_us(void)
{
	struct timespec t;

	EXPECT_INT(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), ==, 0);
	return (uint64_t)t.tv_sec * CLOCK_SECOND_US + (uint64_t)t.tv_nsec / 1000;
}

/* Pages made to be slow: each of these was once the worst case of some reader. */
TEST(time_grows_with_the_page_and_not_faster)
{
	static const char *const parts[] = { "<",
					     "<a",
					     "</",
					     "<!--",
					     "<script>",
					     "<div hidden>",
					     "&",
					     "&#",
					     "<p ",
					     "\"='",
					     "<ul><li>",
					     "<a href=\"x\">",
					     "]]>",
					     "<table><tr><td>",
					     "<blockquote>",
					     "<pre>\n",
					     "&a" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		auto_buf struct buf page = BUF(LARGE_BYTES), out = BUF(LARGE_BYTES);
		uint64_t start;
		bool cut;

		while (buf_add_string(&page, parts[i]) >= 0)
			;
		start = cpu_us();
		EXPECT_INT(html_text_convert(page.data, page.length, NULL, &out, &cut), ==, 0);
		if (cpu_us() - start > 5 * CLOCK_SECOND_US)
			tap_fail(__FILE__, __LINE__, "\"%s\" took %llu us", parts[i],
				 (unsigned long long)(cpu_us() - start));
	}
}

TEST(only_html_is_called_html)
{
	EXPECT_INT(html_text_is_html("text/html"), ==, 1);
	EXPECT_INT(html_text_is_html("Text/HTML; charset=utf-8"), ==, 1);
	EXPECT_INT(html_text_is_html("application/xhtml+xml"), ==, 1);
	EXPECT_INT(html_text_is_html("text/htmlx"), ==, 0);
	EXPECT_INT(html_text_is_html("application/json"), ==, 0);
	EXPECT_INT(html_text_is_html(NULL), ==, 0);
}
