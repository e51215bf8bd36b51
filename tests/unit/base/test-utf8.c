/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/json-text.h"
#include "base/utf8.h"

#include "harness/tap.h"

#include <string.h>

static const char *const malformed[] = {
	"\x80",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x9F\xBF",
	"\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
	"\xC3",         "\xE2\x82",         "\xF0\x9F\x98",     "\xFF",
	"\xC3(",
};

TEST(malformed_bytes_are_no_text_wherever_they_stand)
{
	char text[40];

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		for (size_t front = 0; front < 20; front++) {
			size_t n = strlen(malformed[i]);

			memset(text, 'a', sizeof(text));
			memcpy(text + front, malformed[i], n);
			EXPECT_INT(utf8_is_valid(text, sizeof(text)), ==, 0);
			EXPECT_INT(utf8_is_valid(text, front), ==, 1);
		}
	}
}

TEST(the_edges_of_each_length_are_text)
{
	static const char *const edges[] = {
		"\x7F",         "\xC2\x80",         "\xDF\xBF",
		"\xE0\xA0\x80", "\xED\x9F\xBF",     "\xEE\x80\x80",
		"\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"
	};

	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		EXPECT_INT(utf8_next(edges[i], strlen(edges[i])), ==, strlen(edges[i]));
}

TEST(repair_replaces_each_bad_byte_and_leaves_the_rest)
{
	auto_buf struct buf out = BUF(100);

	EXPECT_INT(utf8_add_repaired(&out, "a\xFF\xC3\xA9\xE2\x82z", 7), ==, 0);
	EXPECT_STR(buf_string(&out), "a\xEF\xBF\xBD\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST(a_cut_never_ends_inside_a_character)
{
	static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
	static const size_t wanted[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10 };

	for (size_t max = 0; max <= 10; max++)
		EXPECT_INT(utf8_cut(text, 10, max), ==, wanted[max]);
}

TEST(code_points_are_written_as_their_bytes)
{
	auto_buf struct buf out = BUF(100);

	EXPECT_INT(utf8_add_code(&out, 'a'), ==, 0);
	EXPECT_INT(utf8_add_code(&out, 0xE9), ==, 0);
	EXPECT_INT(utf8_add_code(&out, 0x20AC), ==, 0);
	EXPECT_INT(utf8_add_code(&out, 0x1F600), ==, 0);
	EXPECT_INT(utf8_add_code(&out, 0xD800), ==, 0);
	EXPECT_INT(utf8_add_code(&out, 0x110000), ==, 0);
	EXPECT_STR(buf_string(&out),
		   "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(json_text_escapes_what_has_to_be_and_nothing_else)
{
	auto_buf struct buf out = BUF(1000);

	for (size_t front = 0; front < 17; front++) {
		char text[40], wanted[60];

		memset(text, 'a', sizeof(text));
		memcpy(text + front, "\"\\\n\x01\x1f/\x7f", 7);
		memset(wanted, 'a', sizeof(wanted));
		memcpy(wanted + front, "\\\"\\\\\\n\\u0001\\u001f/\x7f", 20);
		buf_truncate(&out, 0);
		EXPECT_INT(json_text_escape(&out, text, front + 7), ==, 0);
		EXPECT_INT(out.length, ==, front + 20);
		EXPECT_INT(memcmp(out.data, wanted, out.length), ==, 0);
	}
	buf_truncate(&out, 0);
	EXPECT_INT(json_text_escape(&out, "a\0b", 3), ==, 0);
	EXPECT_STR(buf_string(&out), "a\\u0000b");
}

TEST(json_text_that_fails_leaves_the_buffer_as_it_was)
{
	auto_buf struct buf out = BUF(8);

	EXPECT_INT(buf_add_string(&out, "ab"), ==, 0);
	EXPECT_INT(json_text_string(&out, "x\xFF"), ==, -EINVAL);
	EXPECT_INT(json_text_string(&out, "123456"), ==, -EMSGSIZE);
	EXPECT_INT(json_text_string(&out, NULL), ==, 0);
	EXPECT_STR(buf_string(&out), "abnull");
}
