/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/glyph.h"
#include "l7-shell/sanitise.h"

#include "harness/cases.h"
#include "harness/tap.h"

#include <stdio.h>

enum { OUT_BYTES_MAX = 1 << 20, CASES_MIN = 45 };

static void sanitise_in_pieces(const char *text, size_t length, size_t piece, unsigned flags,
			       struct buf *out)
{
	struct sanitiser sanitiser = { .flags = flags };

	for (size_t at = 0; at < length; at += piece) {
		size_t n = length - at < piece ? length - at : piece;

		EXPECT_INT(sanitise_feed(&sanitiser, text + at, n, out), ==, 0);
	}
	EXPECT_INT(sanitise_end(&sanitiser, out), ==, 0);
}

static void check_case(const struct test_case *c)
{
	size_t n_input = cases_unescape(c->fields[0]), n_wanted = cases_unescape(c->fields[2]);
	unsigned flags = strcmp(c->fields[1], "line") == 0 ? SANITISE_LINE : 0;

	for (size_t piece = 1; piece <= n_input + 1; piece++) {
		auto_buf struct buf out = BUF(OUT_BYTES_MAX);

		sanitise_in_pieces(c->fields[0], n_input, piece, flags, &out);
		if (out.length != n_wanted || memcmp(buf_string(&out), c->fields[2], n_wanted) != 0)
			tap_fail(c->file, c->line, "%s: \"%s\", wanted \"%s\" (pieces of %zu)",
				 c->fields[3], buf_string(&out), c->fields[2], piece);
	}
}

TEST(hostile_text_is_shown_not_obeyed)
{
	cases_run("sanitise", 4, CASES_MIN, check_case);
}

TEST(no_byte_below_space_comes_out_but_newline_and_tab)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		const char text[] = { 'a', (char)byte, 'b' };
		auto_buf struct buf out = BUF(OUT_BYTES_MAX);

		EXPECT_INT(sanitise_text(text, sizeof(text), 0, &out), ==, 0);
		for (size_t i = 0; i < out.length; i++) {
			unsigned char c = (unsigned char)out.data[i];

			if ((c < 0x20 && c != '\n' && c != '\t') || c >= 0x7F)
				tap_fail(__FILE__, __LINE__, "byte %02x came out as %02x", byte, c);
		}
	}
}

TEST(json_stays_the_same_value_without_unseen_characters)
{
	auto_buf struct buf out = BUF(OUT_BYTES_MAX);

	EXPECT_INT(sanitise_json("{\"a\":\"x\xE2\x80\xAEy\x7F\xC2\x9B\xF3\xA0\x81\x81\xC3\xA4\"}",
				 &out),
		   ==, 0);
	EXPECT_STR(buf_string(&out), "{\"a\":\"x\\u202ey\\u007f\\u009b\\udb40\\udc41\xC3\xA4\"}");
	EXPECT_INT(sanitise_json("\"\xFF\"", &out), ==, -EINVAL);
}

TEST(width_follows_the_character_not_its_bytes)
{
	EXPECT_INT(glyph_text_width("abc", 3), ==, 3);
	EXPECT_INT(glyph_text_width("\xC3\xA4", 2), ==, 1);
	EXPECT_INT(glyph_text_width("\xE6\xBC\xA2\xE5\xAD\x97", 6), ==, 4);
	EXPECT_INT(glyph_text_width("e\xCC\x81", 3), ==, 1);
	EXPECT_INT(glyph_text_width("\xF0\x9F\x98\x80", 4), ==, 2);
	EXPECT_INT(glyph_text_width("\xFF", 1), ==, 1);
	EXPECT_INT(glyph_fit("\xE6\xBC\xA2\xE5\xAD\x97", 6, 3), ==, 3);
	EXPECT_INT(glyph_fit("abc", 3, 2), ==, 2);
}
