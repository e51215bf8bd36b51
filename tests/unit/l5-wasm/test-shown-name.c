/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/shown-name.h"

#include "base/cleanup.h"
#include "harness/tap.h"

static void expect_shown(const char *prefix, const char *path, const char *suffix,
			 const char *wanted)
{
	auto_buf struct buf text = BUF(256);

	EXPECT_INT(shown_name_add(&text, prefix, path, suffix), ==, 0);
	EXPECT_STR(buf_string(&text), wanted);
}

TEST(an_ordinary_name_is_shown_as_it_is)
{
	expect_shown("", "a b.c", "", "a b.c");
	expect_shown("src/", "it's \"x\" \\ y", "", "src/it's \"x\" \\ y");
	expect_shown("", "\xc3\xbcml", "/", "\xc3\xbcml/");
	expect_shown("", "nbsp\xc2\xa0", "", "nbsp\xc2\xa0");
}

TEST(a_control_character_makes_it_a_json_string)
{
	expect_shown("", "two\nlines", "", "\"two\\nlines\"");
	expect_shown("d/", "\x1b[2J", "/", "\"d/\\u001b[2J/\"");
	expect_shown("", "c1\xc2\x9b", "", "\"c1\\u009b\"");
	expect_shown("", "del\x7f\t\"\\", "", "\"del\\u007f\\t\\\"\\\\\"");
	expect_shown("d\n/", "x", "", "\"d\\n/x\"");
}

TEST(a_name_that_looks_like_one_is_one_too)
{
	expect_shown("", "\"a\"", "", "\"\\\"a\\\"\"");
}

TEST(what_has_no_room_is_said)
{
	auto_buf struct buf text = BUF(4);

	EXPECT_INT(shown_name_add(&text, "", "two\nlines", ""), ==, -EMSGSIZE);
}
