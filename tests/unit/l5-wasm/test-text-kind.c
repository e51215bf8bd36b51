/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/text-kind.h"

#include "harness/tap.h"

static const char *kind(const char *bytes, size_t length)
{
	const char *other = text_kind_other(bytes, length);

	return other ? other : "text";
}

TEST(text_is_text_in_any_language)
{
	EXPECT_STR(kind("", 0), "text");
	EXPECT_STR(kind("hello\n", 6), "text");
	EXPECT_STR(kind("\xE4\xBD\xA0\xE5\xA5\xBD", 6), "text");
	EXPECT_STR(kind("Stra\xDF"
			"e aus K\xF6ln\n",
			15),
		   "text");
	EXPECT_STR(kind("\x1b[1mbold\x1b[0m\f", 13), "text");
	EXPECT_STR(kind("cut \xE4\xBD", 6), "text");
}

TEST(known_kinds_are_named_and_others_are_binary)
{
	EXPECT_STR(kind("\x89PNG\r\n\x1a\n\0\0", 10), "a PNG image");
	EXPECT_STR(kind("%PDF-1.7\n", 9), "a PDF document");
	EXPECT_STR(kind("\x1f\x8b\x08\0", 4), "gzip-compressed data");
	EXPECT_STR(kind("RIFF\0\0\0\0WEBPVP8 ", 16), "a WebP image");
	EXPECT_STR(kind("\0\1\2\3", 4), "binary data");
	EXPECT_STR(kind("\x80\x81\x82\x83\x84", 5), "binary data");
}
