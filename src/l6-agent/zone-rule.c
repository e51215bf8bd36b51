/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * zone-rule - the POSIX rule that holds after a zone's last transition (L6): zone_parse_rule() and
 * zone_rule_at() of zone.h and zone-internal.h.
 */
#include "l6-agent/zone-internal.h"

#include "l6-agent/civil.h"

#include <ctype.h>
#include <string.h>

enum { HOURS_MAX = 167, DEFAULT_TIME_S = 2 * 3600, DEFAULT_DST_S = 3600 };

struct text {
	const char *at, *end;
};

static bool take(struct text *text, char c)
{
	if (text->at == text->end || *text->at != c)
		return false;
	text->at++;
	return true;
}

static bool take_number(struct text *text, int min, int max, int *ret)
{
	int number = 0, digits = 0;

	while (text->at < text->end && isdigit((unsigned char)*text->at) && digits < 4) {
		number = number * 10 + (*text->at++ - '0');
		digits++;
	}
	if (digits == 0 || number < min || number > max)
		return false;
	*ret = number;
	return true;
}

/* "CET" or "<+03>" */
static bool take_name(struct text *text, char name[ZONE_ABBREVIATION_BYTES])
{
	bool quoted = take(text, '<');
	size_t n = 0;

	while (text->at < text->end && n + 1 < ZONE_ABBREVIATION_BYTES) {
		char c = *text->at;

		if (!(isalpha((unsigned char)c) ||
		      (quoted && (isdigit((unsigned char)c) || c == '+' || c == '-'))))
			break;
		name[n++] = c;
		text->at++;
	}
	name[n] = '\0';
	return n >= 3 && (!quoted || take(text, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct text *text, int32_t *ret)
{
	int sign = take(text, '-') ? -1 : 1, hours, minutes = 0, seconds = 0;

	if (sign == 1)
		(void)take(text, '+');
	if (!take_number(text, 0, HOURS_MAX, &hours))
		return false;
	if (take(text, ':')) {
		if (!take_number(text, 0, 59, &minutes))
			return false;
		if (take(text, ':') && !take_number(text, 0, 59, &seconds))
			return false;
	}
	*ret = sign * (hours * 3600 + minutes * 60 + seconds);
	return true;
}

static bool take_day(struct text *text, struct zone_day *ret)
{
	struct zone_day day = { .time_s = DEFAULT_TIME_S };

	if (!take(text, ','))
		return false;
	if (take(text, 'M')) {
		day.kind = 'M';
		if (!take_number(text, 1, 12, &day.month) || !take(text, '.') ||
		    !take_number(text, 1, 5, &day.week) || !take(text, '.') ||
		    !take_number(text, 0, 6, &day.weekday))
			return false;
	} else {
		day.kind = take(text, 'J') ? 'J' : '0';
		if (!take_number(text, day.kind == 'J', 365, &day.day))
			return false;
	}
	if (take(text, '/') && !take_time(text, &day.time_s))
		return false;
	*ret = day;
	return true;
}

bool zone_parse_rule(const char *string, size_t length, struct zone *zone)
{
	struct text text = { string, string + length };
	int32_t west;

	zone->has_rule = zone->rule_has_dst = false;
	if (!take_name(&text, zone->standard.abbreviation) || !take_time(&text, &west))
		return false;
	zone->standard.offset_s = -west;
	zone->standard.is_dst = false;
	if (text.at < text.end) {
		if (!take_name(&text, zone->summer.abbreviation))
			return false;
		zone->summer.offset_s = zone->standard.offset_s + DEFAULT_DST_S;
		zone->summer.is_dst = true;
		if (text.at < text.end && *text.at != ',') {
			if (!take_time(&text, &west))
				return false;
			zone->summer.offset_s = -west;
		}
		if (!take_day(&text, &zone->summer_begins) || !take_day(&text, &zone->summer_ends))
			return false;
		zone->rule_has_dst = true;
	}
	zone->has_rule = text.at == text.end;
	return zone->has_rule;
}

/* The local second of the year at which the day of the rule is reached, since 1970. */
static int64_t rule_second(const struct zone_day *rule, int year)
{
	int64_t day;

	if (rule->kind == 'M') {
		int64_t first = civil_days(year, rule->month, 1);
		int ahead = (rule->weekday - civil_weekday(first) + 7) % 7;
		int in_month = 1 + ahead + 7 * (rule->week - 1);

		while (in_month > civil_month_days(year, rule->month))
			in_month -= 7;
		day = first + in_month - 1;
	} else {
		/* J counts without 29 February. */
		bool is_behind = rule->kind == 'J' && rule->day >= 60 && civil_is_leap(year);

		day = civil_days(year, 1, 1) + rule->day - (rule->kind == 'J') + is_behind;
	}
	return day * CIVIL_DAY_SECONDS + rule->time_s;
}

const struct zone_type *zone_rule_at(const struct zone *zone, int64_t utc_s)
{
	struct civil local;
	int64_t begins, ends;

	if (!zone->rule_has_dst)
		return &zone->standard;
	civil_from_seconds(utc_s + zone->standard.offset_s, &local);
	begins = rule_second(&zone->summer_begins, local.year) - zone->standard.offset_s;
	ends = rule_second(&zone->summer_ends, local.year) - zone->summer.offset_s;
	if (begins < ends)
		return utc_s >= begins && utc_s < ends ? &zone->summer : &zone->standard;
	return utc_s >= ends && utc_s < begins ? &zone->standard : &zone->summer;
}
