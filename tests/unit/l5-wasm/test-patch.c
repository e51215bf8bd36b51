/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/patch.h"

#include "harness/cases.h"
#include "harness/tap.h"

static void check(const struct test_case *c)
{
	auto_buf struct buf text = BUF(CASES_LINE_BYTES), why = BUF(CASES_LINE_BYTES);
	struct patch patch = { .old_text = c->fields[0],
			       .new_text = c->fields[1],
			       .old_length = cases_unescape(c->fields[0]),
			       .new_length = cases_unescape(c->fields[1]),
			       .all = strcmp(c->fields[2], "all") == 0 };
	size_t length = cases_unescape(c->fields[3]);
	const char *wanted = c->fields[4];
	struct patch_done done;
	int r = patch_apply(&patch, c->fields[3], length, &text, &done, &why);

	(void)cases_unescape(c->fields[4]);
	if (wanted[0] == '!' ? r >= 0 || strcmp(buf_string(&why), wanted + 1) != 0
			     : r != 0 || strcmp(buf_string(&text), wanted) != 0)
		tap_fail(c->file, c->line, "%s: %d \"%s\", wanted \"%s\"", c->fields[5], r,
			 r < 0 ? buf_string(&why) : buf_string(&text), wanted);
}

TEST(patches_apply_as_the_cases_say)
{
	cases_run("patch", 6, 20, check);
}

TEST(the_first_changed_line_and_the_places_are_told)
{
	static const char text[] = "a\nb\nc\nb\n";
	auto_buf struct buf out = BUF(64), why = BUF(256);
	struct patch patch = { "b", "x", 1, 1, true };
	struct patch_done done;

	EXPECT_INT(patch_apply(&patch, text, strlen(text), &out, &done, &why), ==, 0);
	EXPECT_INT(done.places, ==, 2);
	EXPECT_INT(done.first_line, ==, 2);
	EXPECT_INT(done.crlf, ==, false);
}

TEST(a_result_that_does_not_fit_is_an_error)
{
	auto_buf struct buf out = BUF(8), why = BUF(256);
	struct patch patch = { "b", "123456789", 1, 9, false };
	struct patch_done done;

	EXPECT_INT(patch_apply(&patch, "b", 1, &out, &done, &why), ==, -EMSGSIZE);
}

TEST(looking_for_what_is_near_is_bounded_in_a_long_file)
{
	enum { LINES = 200000 };
	auto_buf struct buf text = BUF(16 * LINES), out = BUF(16 * LINES), why = BUF(4096);
	struct patch patch = { "some line 12x45 here", "x", 20, 1, false };
	struct patch_done done;

	for (int i = 0; i < LINES; i++)
		EXPECT_INT(buf_printf(&text, "line %d\n", i), ==, 0);
	EXPECT_INT(patch_apply(&patch, text.data, text.length, &out, &done, &why), ==, -ENOENT);
	EXPECT_INT(why.length, <, 1024);
}
