/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/result.h"

#include "base/utf8.h"
#include "harness/tap.h"

static struct buf shown(const char *content, size_t length, size_t limit)
{
	struct buf out = BUF(1 << 20);

	EXPECT_INT(result_show(content, length, limit, 42, &out), ==, 0);
	return out;
}

TEST(what_fits_is_shown_as_it_is)
{
	struct buf out = shown("short\n", 6, RESULT_LIMIT_MIN);

	EXPECT_STR(buf_string(&out), "short\n");
	buf_free(&out);
}

TEST(what_is_too_long_is_head_and_tail_and_says_where_the_rest_is)
{
	struct buf content = BUF(1 << 20), out;

	for (unsigned i = 0; i < 2000; i++)
		EXPECT_INT(buf_printf(&content, "line %u\n", i), ==, 0);
	out = shown(content.data, content.length, 1000);
	EXPECT_INT(out.length, <, 1200);
	EXPECT_INT(strncmp(out.data, "line 0\nline 1\n", 14), ==, 0);
	EXPECT_STR(out.data + out.length - 10, "line 1999\n");
	EXPECT_INT(strstr(out.data, "result_read {\"id\":\"r42\",\"offset\":") != NULL, ==, 1);
	buf_free(&content);
	buf_free(&out);
}

TEST(the_offset_named_is_where_the_head_ends)
{
	struct buf content = BUF(1 << 20), out;
	unsigned long offset = 0;
	const char *at;

	for (unsigned i = 0; i < 1000; i++)
		EXPECT_INT(buf_printf(&content, "%u\n", i), ==, 0);
	out = shown(content.data, content.length, 600);
	for (at = strstr(out.data, "\"offset\":") + 9; *at >= '0' && *at <= '9'; at++)
		offset = offset * 10 + (unsigned long)(*at - '0');
	EXPECT_INT(strncmp(out.data, content.data, offset), ==, 0);
	EXPECT_INT(out.data[offset], ==, '\n');
	EXPECT_INT(out.data[offset + 1], ==, '[');
	buf_free(&content);
	buf_free(&out);
}

TEST(any_bytes_at_any_limit_become_utf8)
{
	char bytes[4096];
	unsigned state = 1;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		state = state * 1103515245 + 12345;
		bytes[i] = (char)(state >> 16);
	}
	for (size_t limit = RESULT_LIMIT_MIN; limit < sizeof(bytes); limit += 37) {
		struct buf out = shown(bytes, sizeof(bytes), limit);

		EXPECT_INT(utf8_is_valid(out.data, out.length), ==, 1);
		buf_free(&out);
	}
}

TEST(characters_are_never_cut_in_two)
{
	struct buf content = BUF(1 << 20), out;

	for (unsigned i = 0; i < 2000; i++)
		EXPECT_INT(buf_add_string(&content, "é€𝄞"), ==, 0);
	for (size_t limit = RESULT_LIMIT_MIN; limit < RESULT_LIMIT_MIN + 12; limit++) {
		out = shown(content.data, content.length, limit);
		EXPECT_INT(strstr(out.data, UTF8_REPLACEMENT) == NULL, ==, 1);
		buf_free(&out);
	}
	buf_free(&content);
}

TEST(an_id_is_r_and_a_number)
{
	uint64_t id = 0;

	EXPECT_INT(result_id_parse("r42", &id), ==, 1);
	EXPECT_INT(id, ==, 42);
	EXPECT_INT(result_id_parse("42", &id), ==, 0);
	EXPECT_INT(result_id_parse("r", &id), ==, 0);
	EXPECT_INT(result_id_parse("r0", &id), ==, 0);
	EXPECT_INT(result_id_parse("r4x", &id), ==, 0);
}
