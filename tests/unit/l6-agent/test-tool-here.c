/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/clock.h"
#include "harness/cases.h"
#include "harness/tap.h"
#include "l6-agent/civil.h"
#include "l6-agent/time-text.h"
#include "l6-agent/tool.h"
#include "l6-agent/zone.h"

enum { RESULT_BYTES_MAX = 64 * 1024 };
#define NOW_US (UINT64_C(1710506096) * CLOCK_SECOND_US) /* 2024-03-15T12:34:56Z */

/* Checks and runs as claw-agentd does. */
static int run(const char *tool_name, const char *arguments, const char *zone, struct buf *result,
	       struct error *err)
{
	const struct tool *tool = tool_find(tool_name);
	auto_buf struct buf checked = BUF(RESULT_BYTES_MAX);
	int r = tool_check(tool, arguments, strlen(arguments), &checked, err);

	return r < 0 ? r : tool_run_here(tool, buf_string(&checked), zone, result, err);
}

static void run_case(const struct test_case *c, const char *tool)
{
	auto_buf struct buf result = BUF(RESULT_BYTES_MAX);
	char *wanted = c->fields[1];
	struct error err = { 0 };
	int r = run(tool, c->fields[0], NULL, &result, &err);

	if (wanted[0] == '!') {
		if (r != -EINVAL && r != -ENOENT)
			tap_fail(c->file, c->line, "%s: %d \"%s\", wanted the error \"%s\"",
				 c->fields[2], r, buf_string(&result), wanted + 1);
		if (strcmp(err.text, wanted + 1) != 0)
			tap_fail(c->file, c->line, "%s: \"%s\", wanted \"%s\"", c->fields[2],
				 err.text, wanted + 1);
		return;
	}
	(void)cases_unescape(wanted);
	if (r != 0 || strcmp(buf_string(&result), wanted) != 0)
		tap_fail(c->file, c->line, "%s: %d \"%s\", wanted \"%s\"", c->fields[2], r,
			 r < 0 ? err.text : buf_string(&result), wanted);
}

static void run_time_case(const struct test_case *c)
{
	run_case(c, "time");
}

static void run_json_case(const struct test_case *c)
{
	run_case(c, "json");
}

TEST(time_answers_as_the_cases_say)
{
	clock_set_fake(1, NOW_US);
	cases_run("time", 3, 80, run_time_case);
}

TEST(json_answers_as_the_cases_say)
{
	cases_run("json", 3, 40, run_json_case);
}

TEST(echo_returns_the_message_whatever_it_is)
{
	auto_buf struct buf result = BUF(RESULT_BYTES_MAX);
	struct error err = { 0 };

	EXPECT_OK(run("echo", "{\"message\":\"\\u00e4 \\n\\\"\"}", NULL, &result, &err), &err);
	EXPECT_STR(buf_string(&result), "\xC3\xA4 \n\"");
	buf_truncate(&result, 0);
	EXPECT_OK(run("echo", "{\"message\":\"\"}", NULL, &result, &err), &err);
	EXPECT_STR(buf_string(&result), "");
}

TEST(the_persons_zone_is_the_default_and_the_argument_goes_before_it)
{
	auto_buf struct buf result = BUF(RESULT_BYTES_MAX);
	struct error err = { 0 };

	clock_set_fake(1, NOW_US);
	EXPECT_OK(run("time", "{\"operation\":\"now\",\"format\":\"%R %Z\"}", "Asia/Tokyo", &result,
		      &err),
		  &err);
	EXPECT_STR(buf_string(&result), "21:34 JST");
	buf_truncate(&result, 0);
	EXPECT_OK(run("time", "{\"operation\":\"now\",\"format\":\"%R\",\"timezone\":\"UTC\"}",
		      "Asia/Tokyo", &result, &err),
		  &err);
	EXPECT_STR(buf_string(&result), "12:34");
}

TEST(a_result_that_does_not_fit_is_an_error_and_not_cut)
{
	auto_buf struct buf result = BUF(8);
	struct error err = { 0 };

	EXPECT_INT(run("echo", "{\"message\":\"123456789\"}", NULL, &result, &err), ==, -EMSGSIZE);
	EXPECT_STR(err.text, "the result of echo is larger than 8 bytes");
}

TEST(every_day_of_400_years_goes_there_and_back)
{
	struct civil civil;
	int64_t day = civil_days(1800, 1, 1), end = civil_days(2200, 1, 1);
	int weekday = civil_weekday(day), year = 0, year_day = 0;

	EXPECT_INT(civil_days(1970, 1, 1), ==, 0);
	EXPECT_INT(civil_days(2000, 3, 1), ==, 11017);
	EXPECT_INT(civil_days(1, 1, 1), ==, -719162);
	for (; day < end; day++) {
		civil_from_seconds(day * CIVIL_DAY_SECONDS + CIVIL_DAY_SECONDS - 1, &civil);
		EXPECT_INT(civil_days(civil.year, civil.month, civil.day), ==, day);
		EXPECT_INT(civil.hour * 10000 + civil.minute * 100 + civil.second, ==, 235959);
		EXPECT_INT(civil_is_date(civil.year, civil.month, civil.day), ==, true);
		EXPECT_INT(civil_weekday(day), ==, weekday);
		year_day = civil.year == year ? year_day + 1 : 1;
		year = civil.year;
		EXPECT_INT(civil_year_day(civil.year, civil.month, civil.day), ==, year_day);
		weekday = (weekday + 1) % 7;
	}
}

TEST(zones_agree_with_the_c_library_over_two_centuries)
{
	static const char *const names[] = { "Europe/Berlin",       "America/New_York",
					     "Australia/Lord_Howe", "Africa/Casablanca",
					     "Asia/Kathmandu",      "America/Santiago",
					     "Europe/Dublin",       "Pacific/Apia",
					     "Antarctica/Troll" };
	enum { STEP_S = 9 * 24 * 3600 + 3607 };
	static struct zone zone;
	struct error err = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		EXPECT_OK(zone_read(names[i], &zone, &err), &err);
		EXPECT_INT(setenv("TZ", names[i], 1), ==, 0);
		tzset();
		for (time_t at = -2500000000; at < 4000000000; at += STEP_S) {
			const struct zone_type *type = zone_at(&zone, at);
			enum zone_note note;
			struct tm tm;

			EXPECT_INT(localtime_r(&at, &tm) != NULL, ==, 1);
			if (tm.tm_gmtoff != type->offset_s ||
			    strcmp(tm.tm_zone, type->abbreviation) != 0)
				tap_fail(__FILE__, __LINE__, "%s at %lld: %d %s, wanted %ld %s",
					 names[i], (long long)at, type->offset_s,
					 type->abbreviation, tm.tm_gmtoff, tm.tm_zone);
			/* Back from the local time: the same moment, or the earlier of two. */
			if (zone_utc(&zone, at + type->offset_s, &note) != at && note != ZONE_TWICE)
				tap_fail(__FILE__, __LINE__, "%s at %lld is not found again",
					 names[i], (long long)at);
		}
	}
}

TEST(damaged_zone_data_is_refused)
{
	static struct zone zone;
	unsigned char bytes[200] = "TZif2";
	struct error err = { 0 };

	EXPECT_INT(zone_parse("x", bytes, sizeof(bytes), &zone, &err), ==, -EINVAL);
	EXPECT_INT(zone_parse("x", bytes, 3, &zone, &err), ==, -EINVAL);
	EXPECT_INT(zone_parse_rule("CET-1CEST,M3.5.0,M10.5.0/3", 26, &zone), ==, true);
	EXPECT_INT(zone_parse_rule("<+0330>-3:30", 12, &zone), ==, true);
	EXPECT_INT(zone.standard.offset_s, ==, 12600);
	EXPECT_INT(zone_parse_rule("CET-1CEST", 9, &zone), ==, false);
	EXPECT_INT(zone_parse_rule("CET", 3, &zone), ==, false);
	EXPECT_INT(zone_parse_rule("CET-1CEST,M13.5.0,M10.5.0", 25, &zone), ==, false);
	EXPECT_INT(zone_parse_rule("CET-1 ", 6, &zone), ==, false);
}
