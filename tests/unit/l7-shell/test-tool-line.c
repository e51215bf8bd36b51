/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/link.h"
#include "l7-shell/tool-line.h"

#include "harness/tap.h"

static const char *span(uint64_t usec)
{
	static char text[TOOL_LINE_SPAN_BYTES];

	tool_line_span(usec, text);
	return text;
}

static const char *size(uint64_t bytes)
{
	static char text[TOOL_LINE_SPAN_BYTES];

	tool_line_size(bytes, text);
	return text;
}

TEST(spans_have_the_unit_that_fits)
{
	EXPECT_STR(span(0), "0 \xC2\xB5s");
	EXPECT_STR(span(999), "999 \xC2\xB5s");
	EXPECT_STR(span(1000), "1 ms");
	EXPECT_STR(span(999999), "999 ms");
	EXPECT_STR(span(1000000), "1.0 s");
	EXPECT_STR(span(59999999), "59.9 s");
	EXPECT_STR(span(125000000), "2 min 05 s");
}

TEST(sizes_have_the_unit_that_fits)
{
	EXPECT_STR(size(0), "0 B");
	EXPECT_STR(size(999), "999 B");
	EXPECT_STR(size(1000), "1.0 kB");
	EXPECT_STR(size(6190), "6.1 kB");
	EXPECT_STR(size(1000000), "1.0 MB");
	EXPECT_STR(size(1117320768), "1117.3 MB");
}

TEST(arguments_are_short_and_in_one_line)
{
	struct screen screen = { .fd = -1, .columns = 70, .at_start = true, .out = BUF(1 << 16) };
	auto_json sd_json_variant *arguments = NULL;

	EXPECT_INT(sd_json_buildo(&arguments, SD_JSON_BUILD_PAIR_STRING("command", "a\nb\033[2J"),
				  SD_JSON_BUILD_PAIR_INTEGER("timeout", 5),
				  SD_JSON_BUILD_PAIR_STRING("text", "long long long long long")),
		   >=, 0);
	tool_line_start(&screen, "shell", arguments, 162); /* of 200 */
	EXPECT_STR(buf_string(&screen.out),
		   "\xE2\x80\xBA shell a\\nb\\x1b[2J timeout=5 text=lo\xE2\x80\xA6");
	screen_close(&screen);
}
