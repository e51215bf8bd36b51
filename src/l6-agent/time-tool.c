/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * time-tool - the tool time (L6): now, parse, format, diff.
 */
#include "l6-agent/tool-here.h"

#include "base/clock.h"
#include "l6-agent/civil.h"
#include "l6-agent/time-text.h"

#include <inttypes.h>

enum { NANOSECONDS = 1000000000 };

/* Every form of one moment as a JSON object; none of the values needs escaping. */
static int put_moment(const struct moment *moment, const struct zone *zone, struct buf *to)
{
	struct zone utc;
	struct civil local;
	int r;

	zone_fixed(0, &utc);
	civil_from_seconds(moment->seconds + zone_at(zone, moment->seconds)->offset_s, &local);
	r = buf_add_string(to, "{\"iso\":\"");
	if (r == 0)
		r = time_text_put_iso(moment, zone, to);
	if (r == 0)
		r = buf_add_string(to, "\",\"utc\":\"");
	if (r == 0)
		r = time_text_put_iso(moment, &utc, to);
	if (r == 0)
		r = buf_printf(to, "\",\"unix\":%" PRId64 ",\"weekday\":\"%s\",\"timezone\":\"%s\"",
			       moment->seconds,
			       civil_weekday_names[civil_weekday(
				       civil_days(local.year, local.month, local.day))],
			       zone->name);
	if (r == 0 && moment->is_local && moment->note != ZONE_ONCE)
		r = buf_printf(
			to, ",\"note\":\"%s\"",
			moment->note == ZONE_SKIPPED
				? "the clock is put forward over this time; moved on by the gap"
				: "the clock shows this time twice; the first is meant");
	return r < 0 ? r : buf_add_char(to, '}');
}

static int parse(const struct tool_here *here, const char *name, struct zone *zone,
		 struct moment *ret, struct error *err)
{
	int64_t now_s = (int64_t)(clock_realtime_us() / CLOCK_SECOND_US);
	const char *text = tool_here_string(here, name);
	struct error inner = { 0 };

	if (!text)
		return FAIL(err, -EINVAL, "operation %s needs \"%s\"",
			    tool_here_string(here, "operation"), name);
	if (time_text_parse(text, now_s, zone, ret, &inner) < 0)
		return FAIL(err, -EINVAL, "%s: %s", name, inner.text);
	if (ret->seconds < civil_days(0, 1, 2) * CIVIL_DAY_SECONDS ||
	    ret->seconds >= civil_days(CIVIL_YEAR_MAX, 12, 31) * CIVIL_DAY_SECONDS)
		return FAIL(err, -EINVAL, "%s: the years 0 to %d are known", name, CIVIL_YEAR_MAX);
	return 0;
}

static void now(struct moment *ret)
{
	uint64_t now_us = clock_realtime_us();

	*ret = (struct moment){ .seconds = (int64_t)(now_us / CLOCK_SECOND_US) };
}

/* Whole seconds towards zero, and the rest as a fraction. */
static int put_diff(const struct moment *from, const struct moment *until, struct buf *to)
{
	int64_t seconds = until->seconds - from->seconds;
	int32_t nanoseconds = until->nanoseconds - from->nanoseconds;
	bool negative;
	int r;

	if (nanoseconds < 0) {
		nanoseconds += NANOSECONDS;
		seconds--;
	}
	negative = seconds < 0;
	if (negative && nanoseconds > 0) {
		nanoseconds = NANOSECONDS - nanoseconds;
		seconds++;
	}
	r = buf_printf(to, "{\"seconds\":%s%" PRId64, negative ? "-" : "",
		       seconds < 0 ? -seconds : seconds);
	if (r == 0 && nanoseconds > 0)
		r = buf_printf(to, ".%09d", nanoseconds);
	if (r == 0)
		r = buf_add_string(to, ",\"human\":\"");
	if (r == 0)
		r = time_text_put_span((uint64_t)(seconds < 0 ? -seconds : seconds), to);
	return r < 0 ? r : buf_printf(to, "%s\"}", negative ? " earlier" : "");
}

static int diff(const struct tool_here *here, struct zone *zone, struct buf *result,
		struct error *err)
{
	struct zone other = *zone;
	struct moment from = { 0 }, until = { 0 };
	int r = parse(here, "timestamp", zone, &from, err);

	if (r < 0)
		return r;
	if (tool_here_string(here, "timestamp2"))
		r = parse(here, "timestamp2", &other, &until, err);
	else
		now(&until);
	return r < 0 ? r : put_diff(&from, &until, result);
}

int tool_here_time(const struct tool_here *here, struct buf *result, struct error *err)
{
	const char *operation = tool_here_string(here, "operation");
	const char *format = tool_here_string(here, "format");
	const char *name = tool_here_string(here, "timezone");
	struct moment moment = { 0 };
	struct zone zone;
	int r = zone_read(name ? name : here->zone, &zone, err);

	if (r < 0)
		return r;
	if (strcmp(operation, "diff") == 0)
		return diff(here, &zone, result, err);
	if (strcmp(operation, "now") == 0)
		now(&moment);
	else
		r = parse(here, "timestamp", &zone, &moment, err);
	if (r < 0)
		return r;
	/* "[Europe/Berlin]" in the text says where it was; timezone says where it is wanted. */
	if (name)
		r = zone_read(name, &zone, err);
	if (r < 0)
		return r;
	if (strcmp(operation, "format") == 0 && !format)
		return FAIL(err, -EINVAL,
			    "operation format needs \"format\", e.g. %%Y-%%m-%%d %%H:%%M:%%S, "
			    "iso8601, rfc2822 or unix");
	return format && strcmp(operation, "parse") != 0
		       ? time_text_format(&moment, &zone, format, result, err)
		       : put_moment(&moment, &zone, result);
}
