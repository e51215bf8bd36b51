/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/time-words.h"

#include "harness/tap.h"

static const char *words(const char *result)
{
	static char text[512];
	auto_buf struct buf out = BUF(sizeof(text) - 1);
	int r = time_words(result, &out);

	EXPECT_INT(r, ==, out.length > 0);
	memcpy(text, buf_string(&out), out.length + 1);
	return text;
}

TEST(a_moment_is_told_with_its_zone)
{
	EXPECT_STR(words("{\"iso\":\"2026-11-24T14:47:19+01:00\",\"weekday\":\"Tuesday\","
			 "\"timezone\":\"Europe/Berlin\"}"),
		   "Tuesday, 24 November 2026, 14:47:19 (Europe/Berlin, UTC+01:00)");
	EXPECT_STR(words("{\"iso\":\"2026-01-02T03:04:05Z\",\"weekday\":\"Friday\","
			 "\"timezone\":\"UTC\"}"),
		   "Friday, 2 January 2026, 03:04:05 (UTC)");
}

TEST(what_is_no_moment_is_left_as_it_is)
{
	static const char *const others[] = {
		"",
		"hello",
		"{}",
		"[1]",
		"{\"iso\":5}",
		"{\"iso\":\"2026\",\"weekday\":\"Friday\"}",
		"{\"iso\":\"2026-13-02T03:04:05Z\",\"weekday\":\"Friday\"}",
		"{\"seconds\":5,\"human\":\"5 s\"}",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		EXPECT_STR(words(others[i]), "");
}
