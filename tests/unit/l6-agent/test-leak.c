/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/cleanup.h"
#include "l6-agent/leak-text.h"

#include "../../harness/cases.h"
#include "../../harness/tap.h"

#include <stdio.h>
#include <stdlib.h>

enum { TEXT_MAX = 1 << 20 };

static bool seen[LEAK_KINDS_MAX], missed[LEAK_KINDS_MAX], cut[LEAK_KINDS_MAX];

static void whole(const char *text, size_t length, struct leak_tally *tally, struct buf *out)
{
	int r = leak_replace(text, length, tally, out);

	EXPECT_INT(r, >=, 0);
	EXPECT_INT((unsigned)r, ==, tally->total);
	if (r == 0)
		EXPECT_INT(buf_add(out, text, length), ==, 0);
}

static void in_two(const char *text, size_t length, size_t at, struct buf *out)
{
	struct leak_stream stream = LEAK_STREAM;

	EXPECT_INT(leak_stream_add(&stream, text, at, out), ==, 0);
	EXPECT_INT(leak_stream_add(&stream, text + at, length - at, out), ==, 0);
	EXPECT_INT(leak_stream_end(&stream, out), ==, 0);
}

static int kind_of(const char *name)
{
	for (size_t i = 0; i < leak_kind_count; i++)
		if (strcmp(leak_kinds[i], name) == 0)
			return (int)i;
	return -1;
}

static void expect(const struct test_case *c, const struct buf *out, const char *wanted,
		   const char *how, size_t at)
{
	if (strcmp(buf_string(out), wanted) != 0)
		tap_fail(c->file, c->line, "%s at %zu: \"%s\", wanted \"%s\"", how, at,
			 buf_string(out), wanted);
}

/* kind, text, what becomes of it. In the text | is a cut, and no character; a kind with ! in front
 * is one that is only nearly there: nothing may change. */
static void run_case(const struct test_case *c)
{
	auto_buf struct buf text = BUF(TEXT_MAX), out = BUF(TEXT_MAX);
	bool is_near = c->fields[0][0] == '!';
	int kind = kind_of(c->fields[0] + is_near);
	struct leak_tally tally = { 0 };
	const char *wanted;
	size_t n;

	(void)cases_unescape(c->fields[1]);
	(void)cases_unescape(c->fields[2]);
	for (const char *at = c->fields[1]; *at; at++)
		if (*at != '|')
			EXPECT_INT(buf_add_char(&text, *at), ==, 0);
	wanted = is_near ? buf_string(&text) : c->fields[2];
	n = text.length;
	if (kind < 0)
		tap_fail(c->file, c->line, "no kind is called %s", c->fields[0]);
	whole(buf_string(&text), n, &tally, &out);
	expect(c, &out, wanted, "whole", 0);
	if (!is_near && tally.counts[kind] == 0)
		tap_fail(c->file, c->line, "%s was not counted", c->fields[0]);
	for (size_t at = 0; at <= n; at++) {
		auto_buf struct buf pieces = BUF(TEXT_MAX);

		in_two(buf_string(&text), n, at, &pieces);
		expect(c, &pieces, wanted, "cut", at);
	}
	(is_near ? missed : seen)[kind] = true;
	cut[kind] |= !is_near && strchr(c->fields[1], '|');
}

TEST(each_kind_is_replaced_and_what_is_nearly_one_is_not)
{
	cases_run("secrets", 3, 200, run_case);
	for (size_t i = LEAK_KIND_PROVIDER_KEY + 1; i < leak_kind_count; i++)
		if (!seen[i] || !missed[i] || !cut[i])
			tap_fail(__FILE__, __LINE__, "%s: a case of each sort is wanted",
				 leak_kinds[i]);
	EXPECT_INT(leak_kind_count, >=, 40);
}

static void run_harmless(const struct test_case *c)
{
	struct leak_tally tally = { 0 };
	auto_buf struct buf out = BUF(TEXT_MAX);
	size_t n = cases_unescape(c->fields[0]);

	if (leak_replace(c->fields[0], n, &tally, &out) != 0)
		tap_fail(c->file, c->line, "became \"%s\"", buf_string(&out));
}

TEST(who_writes_about_keys_hashes_and_images_is_left_alone)
{
	cases_run("secrets-none", 1, 40, run_harmless);
}

TEST(a_secret_in_single_bytes_is_found_and_nothing_else_is_kept_back_for_long)
{
	static const char secret[] = "say sk-"
				     "abcdefGHIJKL0123456789mnopq now. ";
	struct leak_stream stream = LEAK_STREAM;
	auto_buf struct buf out = BUF(TEXT_MAX);

	for (size_t i = 0; i < sizeof(secret) - 1; i++)
		EXPECT_INT(leak_stream_add(&stream, secret + i, 1, &out), ==, 0);
	EXPECT_STR(buf_string(&out), "say [secret:openai-key] now. ");
	EXPECT_INT(stream.tally.total, ==, 1);
	EXPECT_INT(leak_stream_end(&stream, &out), ==, 0);
}

/* Each of them would be slow for who looks again from every candidate. */
TEST(no_text_makes_it_slow)
{
	static const char *const units[] = { "sk-",         "sk-proj-",
					     "eyJ-",        "eyJ-.eyJ",
					     "://a:",       "-----BEGIN PRIVATE KEY-----",
					     "12345678:AA", "secret_access_key=",
					     "\\\\\\\\",    "\\u0073k-" };
	enum { BYTES = 4 << 20 };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		auto_buf struct buf text = BUF(BYTES + 64), out = BUF(2 * BYTES);
		struct leak_tally tally = { 0 };

		while (text.length < BYTES)
			EXPECT_INT(buf_add_string(&text, units[i]), ==, 0);
		EXPECT_INT(leak_replace(buf_string(&text), text.length, &tally, &out), ==, 0);
	}
}

TEST(a_marker_is_no_secret)
{
	auto_buf struct buf text = BUF(TEXT_MAX), out = BUF(TEXT_MAX);
	struct leak_tally tally = { 0 };

	for (size_t i = 0; i < leak_kind_count; i++)
		EXPECT_INT(buf_printf(&text, "API_KEY=[secret:%s] Bearer [secret:%s]\n",
				      leak_kinds[i], leak_kinds[i]),
			   ==, 0);
	EXPECT_INT(leak_replace(buf_string(&text), text.length, &tally, &out), ==, 0);
}
