/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/regex.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "harness/cases.h"
#include "harness/tap.h"

static void check(const struct test_case *c)
{
	struct regex_options options = { .ignore_case = strncmp(c->fields[0], "i/", 2) == 0 };
	const char *pattern = c->fields[0] + (options.ignore_case ? 2 : 0), *wanted = c->fields[2];
	enum regex_outcome outcome = REGEX_NONE;
	struct regex *regex = NULL;
	struct error err = { 0 };
	size_t n = cases_unescape(c->fields[1]), end = 0;
	int r = regex_compile(pattern, &options, &regex, &err);

	if (r == 0)
		r = regex_line(regex, c->fields[1], n, &outcome, &end);
	if (wanted[0] == '!' ? strcmp(err.text, wanted + 1) != 0
			     : r < 0 || (outcome == REGEX_FOUND) != (wanted[0] == 'y'))
		tap_fail(c->file, c->line, "%s: %d %d %s, wanted %s", c->fields[3], r, outcome,
			 err.text, wanted);
	regex_free(regex);
}

TEST(expressions_match_as_the_cases_say)
{
	cases_run("regex", 4, 90, check);
}

static struct regex *compiled(const char *pattern, bool literal)
{
	struct regex_options options = { .literal = literal };
	struct regex *regex = NULL;
	struct error err = { 0 };

	EXPECT_OK(regex_compile(pattern, &options, &regex, &err), &err);
	return regex;
}

TEST(a_literal_is_searched_as_it_stands)
{
	struct regex *regex = compiled("a.(*", true);
	enum regex_outcome outcome;
	size_t end;

	EXPECT_INT(regex_line(regex, "xa.(*y", 6, &outcome, &end), ==, 0);
	EXPECT_INT(outcome, ==, REGEX_FOUND);
	EXPECT_INT(end, ==, 5);
	EXPECT_INT(regex_line(regex, "xab(*y", 6, &outcome, &end), ==, 0);
	EXPECT_INT(outcome, ==, REGEX_NONE);
	regex_free(regex);
}

TEST(the_next_line_with_a_match_is_found_with_either_line_end)
{
	static const char text[] = "one\r\ntwo\nthree two\r\n\ntwo";
	static const size_t starts[] = { 5, 9, 21 };
	struct regex *regex = compiled("two$", false);
	size_t at = 0;

	for (size_t i = 0; i < 3; i++) {
		enum regex_outcome outcome;
		size_t start, end;

		EXPECT_INT(regex_next_line(regex, text, strlen(text), at, &outcome, &start, &end),
			   ==, 0);
		EXPECT_INT(outcome, ==, REGEX_FOUND);
		EXPECT_INT(start, ==, starts[i]);
		at = end + strcspn(text + end, "\n") + 1;
	}
	regex_free(regex);
}

/* A backtracking matcher needs longer than the age of the world for these. */
TEST(hostile_expressions_take_linear_time)
{
	enum { LENGTH = 300000, SECONDS_MAX = 20 };
	static const char *const patterns[] = {
		"(a+)+$", "(a|aa)+$", "(a*)*b", "(.*a){12}b", "(a?){50}a{50}b", "([ab]*a[ab]{14})+c"
	};
	auto_buf struct buf text = BUF(LENGTH + 1);
	uint64_t start_us = clock_monotonic_us();

	for (int i = 0; i < LENGTH; i++)
		EXPECT_INT(buf_add_char(&text, i % 7 == 3 ? 'b' : 'a'), ==, 0);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct regex *regex = compiled(patterns[i], false);
		enum regex_outcome outcome;
		size_t end;

		EXPECT_INT(regex_line(regex, text.data, text.length, &outcome, &end), ==, 0);
		regex_free(regex);
	}
	EXPECT_INT(clock_monotonic_us() - start_us, <, SECONDS_MAX * CLOCK_SECOND_US);
}

static bool set_matches_code(struct regex *regex, unsigned code)
{
	auto_buf struct buf text = BUF(8);
	enum regex_outcome outcome;
	size_t end;

	EXPECT_INT(utf8_add_code(&text, code), ==, 0);
	EXPECT_INT(regex_line(regex, text.data, text.length, &outcome, &end), ==, 0);
	return outcome == REGEX_FOUND;
}

TEST(a_set_holds_exactly_its_code_points)
{
	static const unsigned ends[] = { 0x21,     0x7e,     0x80,    0xa0,    0x7bf,   0x7ff,
					 0x800,    0xfff,    0x1234,  0x20ac,  0xd000,  0xffef,
					 0x10000,  0x10fff,  0x1f600, 0x3ffff, 0x40000, 0xfffff,
					 0x100000, 0x10fff0, 0x10ffff };
	enum { N = sizeof(ends) / sizeof(ends[0]) };

	for (size_t i = 0; i < N * N; i++) {
		unsigned low = ends[i / N], high = ends[i % N];
		char pattern[64];
		struct regex *regex;

		if (high < low)
			continue;
		(void)snprintf(pattern, sizeof(pattern), "^[\\x{%x}-\\x{%x}]$", low, high);
		regex = compiled(pattern, false);
		for (size_t j = 0; j < 3 * N; j++) {
			unsigned code = ends[j / 3] + (unsigned)(j % 3) - 1;

			if (code > 0x10ffff)
				continue;
			if (set_matches_code(regex, code) != (code >= low && code <= high))
				tap_fail(__FILE__, __LINE__, "%s and U+%04X", pattern, code);
		}
		regex_free(regex);
	}
}

TEST(a_program_that_would_be_too_large_is_refused)
{
	struct regex_options options = { 0 };
	struct regex *regex = NULL;
	struct error err = { 0 };

	EXPECT_INT(regex_compile("((a{1000}){1000}){1000}", &options, &regex, &err), ==,
		   -EOPNOTSUPP);
	EXPECT_STR(err.text, "the pattern is too large");
	EXPECT_INT(regex_compile("", &options, &regex, &err), ==, -EOPNOTSUPP);
	EXPECT_INT(regex_compile("\xff", &options, &regex, &err), ==, -EOPNOTSUPP);
}
