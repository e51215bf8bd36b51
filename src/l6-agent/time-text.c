/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/time-text.h"

#include "l6-agent/civil.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

enum {
	TEXT_BYTES_MAX = 128,
	WORD_BYTES = 32,
	NANOSECONDS = 1000000000,
	MILLISECOND_DIGITS = 13, /* 2001 to 2286; seconds with so many are after the year 30000 */
	SECONDS_MAX_DIGITS = 11,
	CENTURY_PIVOT = 70, /* RFC 2822 has years of two digits: 70…99 are 19xx */
};

struct reading {
	const char *at;
	struct civil civil;
	int32_t nanoseconds;
	int weekday; /* -1: none given */
	bool has_year, has_month, has_day, has_time, has_offset;
	int32_t offset_s;
};

/* ---- small pieces ---- */

static bool take(struct reading *reading, char c)
{
	if (*reading->at != c)
		return false;
	reading->at++;
	return true;
}

static size_t count_digits(const char *at)
{
	size_t n = 0;

	while (isdigit((unsigned char)at[n]))
		n++;
	return n;
}

/* Exactly that many digits. */
static bool take_digits(struct reading *reading, size_t digits, int *ret)
{
	int number = 0;

	if (count_digits(reading->at) < digits)
		return false;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (*reading->at++ - '0');
	*ret = number;
	return true;
}

static void take_fraction(struct reading *reading)
{
	int32_t scale = NANOSECONDS / 10;

	reading->nanoseconds = 0;
	for (; isdigit((unsigned char)*reading->at); reading->at++) {
		reading->nanoseconds += (*reading->at - '0') * scale;
		scale /= 10;
	}
}

/* "+01:00", "-0530", "+02"; at is at the sign. */
static bool take_offset(struct reading *reading)
{
	int sign = *reading->at++ == '-' ? -1 : 1, hours, minutes = 0;

	if (!take_digits(reading, 2, &hours))
		return false;
	if (take(reading, ':')
		    ? !take_digits(reading, 2, &minutes)
		    : count_digits(reading->at) >= 2 && !take_digits(reading, 2, &minutes))
		return false;
	if (hours > 23 || minutes > 59)
		return false;
	reading->offset_s = sign * (hours * 3600 + minutes * 60);
	reading->has_offset = true;
	return true;
}

/* 9:05, 09:05:07, 09:05:07.25; hours of one digit are fine where the date is in words. */
static bool take_clock(struct reading *reading)
{
	struct civil *civil = &reading->civil;
	size_t digits = count_digits(reading->at);

	if (digits < 1 || digits > 2 || !take_digits(reading, digits, &civil->hour) ||
	    !take(reading, ':') || !take_digits(reading, 2, &civil->minute))
		return false;
	civil->second = 0;
	if (take(reading, ':')) {
		if (!take_digits(reading, 2, &civil->second))
			return false;
		if ((*reading->at == '.' || *reading->at == ',') &&
		    isdigit((unsigned char)reading->at[1])) {
			reading->at++;
			take_fraction(reading);
		}
	}
	reading->has_time = true;
	return true;
}

static void skip_spaces(struct reading *reading)
{
	while (*reading->at == ' ' || *reading->at == '\t')
		reading->at++;
}

/* ---- ISO 8601 ---- */

/* T091500 without colons; at is behind the T. */
static bool take_compact_clock(struct reading *reading)
{
	struct civil *civil = &reading->civil;

	if (!take_digits(reading, 2, &civil->hour) || !take_digits(reading, 2, &civil->minute))
		return false;
	civil->second = 0;
	if (isdigit((unsigned char)*reading->at) && !take_digits(reading, 2, &civil->second))
		return false;
	if (*reading->at == '.' && isdigit((unsigned char)reading->at[1])) {
		reading->at++;
		take_fraction(reading);
	}
	reading->has_time = true;
	return true;
}

/* Z, an offset, UTC, and a zone's name in brackets (RFC 9557), to the end of the text. */
static bool take_zone(struct reading *reading, char name[WORD_BYTES * 2])
{
	size_t n;

	skip_spaces(reading);
	if (strncasecmp(reading->at, "utc", 3) == 0 || strncasecmp(reading->at, "gmt", 3) == 0) {
		reading->at += 3;
		reading->has_offset = true;
	} else if (*reading->at == 'Z' || *reading->at == 'z') {
		reading->at++;
		reading->has_offset = true;
	}
	if ((*reading->at == '+' || *reading->at == '-') && !take_offset(reading))
		return false;
	skip_spaces(reading);
	if (*reading->at == '[') {
		n = strcspn(reading->at + 1, "]");
		if (reading->at[n + 1] != ']' || n == 0 || n >= WORD_BYTES * 2)
			return false;
		memcpy(name, reading->at + 1, n);
		name[n] = '\0';
		reading->at += n + 2;
	}
	skip_spaces(reading);
	return *reading->at == '\0';
}

/* 2024-01-02…, 20240102…; false when the text does not begin so. */
static bool take_iso_date(struct reading *reading)
{
	struct civil *civil = &reading->civil;
	const char *start = reading->at;
	size_t digits = count_digits(reading->at);

	if (digits == 4 && take_digits(reading, 4, &civil->year) && take(reading, '-') &&
	    take_digits(reading, 2, &civil->month)) {
		civil->day = 1;
		if (!take(reading, '-') || take_digits(reading, 2, &civil->day))
			return true;
	} else if (digits == 8 && take_digits(reading, 4, &civil->year)) {
		return take_digits(reading, 2, &civil->month) &&
		       take_digits(reading, 2, &civil->day);
	}
	reading->at = start;
	return false;
}

static bool read_iso(struct reading *reading, char name[WORD_BYTES * 2])
{
	if (!take_iso_date(reading))
		return false;
	reading->has_year = reading->has_month = reading->has_day = true;
	if (*reading->at == 'T' || *reading->at == 't' || *reading->at == ' ') {
		bool compact;

		reading->at++;
		skip_spaces(reading);
		compact = count_digits(reading->at) > 2;
		if (isdigit((unsigned char)*reading->at) &&
		    !(compact ? take_compact_clock(reading) : take_clock(reading)))
			return false;
	}
	return take_zone(reading, name);
}

/* ---- dates in words ---- */

/* The index of the name that word begins (three letters at least), or -1. */
static int find_name(const char *word, const char *const *names, int n)
{
	size_t length = strlen(word);

	for (int i = 0; length >= 3 && i < n; i++)
		if (strncasecmp(word, names[i], length) == 0)
			return i;
	return -1;
}

static bool find_zone_word(const char *word, int32_t *ret)
{
	static const struct {
		const char *name;
		int hours;
	} zones[] = { /* RFC 2822, 4.3 */
		      { "UTC", 0 },  { "GMT", 0 },  { "UT", 0 },   { "Z", 0 },    { "EST", -5 },
		      { "EDT", -4 }, { "CST", -6 }, { "CDT", -5 }, { "MST", -7 }, { "MDT", -6 },
		      { "PST", -8 }, { "PDT", -7 }, { "CET", 1 },  { "CEST", 2 }
	};

	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		if (strcasecmp(word, zones[i].name) == 0) {
			*ret = zones[i].hours * 3600;
			return true;
		}
	}
	return false;
}

/* "Tue", "Nov", "UTC", "PM". False when it is none of them or does not fit what was before. */
static bool read_word(struct reading *reading, const char *word)
{
	int found = find_name(word, civil_weekday_names, 7);
	struct civil *civil = &reading->civil;

	if (found >= 0 && reading->weekday < 0) {
		reading->weekday = found;
		return true;
	}
	found = find_name(word, civil_month_names, 12);
	if (found >= 0 && !reading->has_month) {
		civil->month = found + 1;
		reading->has_month = true;
		return true;
	}
	if ((strcasecmp(word, "am") == 0 || strcasecmp(word, "pm") == 0) && reading->has_time &&
	    civil->hour >= 1 && civil->hour <= 12) {
		civil->hour = civil->hour % 12 + (tolower((unsigned char)word[0]) == 'p' ? 12 : 0);
		return true;
	}
	if (strcasecmp(word, "at") == 0 || strcasecmp(word, "of") == 0)
		return true;
	if (!reading->has_offset && find_zone_word(word, &reading->offset_s)) {
		reading->has_offset = true;
		return true;
	}
	return false;
}

/* A day, a year, or a clock time. */
static bool read_number(struct reading *reading)
{
	size_t digits = count_digits(reading->at);
	struct civil *civil = &reading->civil;

	if (reading->at[digits] == ':')
		return !reading->has_time && take_clock(reading);
	if (digits <= 2 && !reading->has_day) {
		reading->has_day = true;
		if (!take_digits(reading, digits, &civil->day))
			return false;
		if (strncasecmp(reading->at, "st", 2) == 0 ||
		    strncasecmp(reading->at, "nd", 2) == 0 ||
		    strncasecmp(reading->at, "rd", 2) == 0 ||
		    strncasecmp(reading->at, "th", 2) == 0)
			reading->at += 2;
		return true;
	}
	if ((digits != 2 && digits != 4) || reading->has_year)
		return false;
	reading->has_year = true;
	if (!take_digits(reading, digits, &civil->year))
		return false;
	if (digits == 2)
		civil->year += civil->year < CENTURY_PIVOT ? 2000 : 1900;
	return true;
}

/* The letters at the front, as many as a word may have; how many. */
static size_t take_word(struct reading *reading, char word[WORD_BYTES])
{
	size_t n = 0;

	while (isalpha((unsigned char)reading->at[n]) && n + 1 < WORD_BYTES) {
		word[n] = reading->at[n];
		n++;
	}
	word[n] = '\0';
	reading->at += n;
	return n;
}

static bool read_words(struct reading *reading)
{
	for (;;) {
		char word[WORD_BYTES];
		size_t n;

		while (*reading->at == ' ' || *reading->at == ',' || *reading->at == '\t' ||
		       (*reading->at == '-' && reading->has_day && !reading->has_year) ||
		       *reading->at == '(' || *reading->at == ')')
			reading->at++;
		if (*reading->at == '\0')
			break;
		if ((*reading->at == '+' || *reading->at == '-') && reading->has_time) {
			if (!take_offset(reading))
				return false;
			continue;
		}
		n = take_word(reading, word);
		if (n > 0) {
			bool repeated =
				reading->has_offset && reading->has_time && *reading->at == ')';

			if (!repeated && !read_word(reading, word)) /* "+0000 (UTC)" */
				return false;
			(void)take(reading, '.');
		} else if (!isdigit((unsigned char)*reading->at) || !read_number(reading)) {
			return false;
		}
	}
	return reading->has_year && reading->has_month && reading->has_day;
}

/* ---- the whole ---- */

static bool read_unix(const char *text, struct moment *ret)
{
	struct reading reading = { .at = text };
	bool negative = take(&reading, '-');
	int64_t number = 0;
	size_t digits;

	if (!negative)
		(void)take(&reading, '@');
	digits = count_digits(reading.at);
	if (digits == 0 || digits == 8 || digits == 4 ||
	    (digits > SECONDS_MAX_DIGITS && digits != MILLISECOND_DIGITS))
		return false;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (*reading.at++ - '0');
	*ret = (struct moment){ .seconds = number };
	if (digits == MILLISECOND_DIGITS) {
		ret->seconds = number / 1000;
		ret->nanoseconds = (int32_t)(number % 1000) * 1000000;
	} else if (take(&reading, '.')) {
		take_fraction(&reading);
		ret->nanoseconds = reading.nanoseconds;
	}
	if (negative && ret->nanoseconds > 0) {
		ret->seconds = -ret->seconds - 1;
		ret->nanoseconds = NANOSECONDS - ret->nanoseconds;
	} else if (negative) {
		ret->seconds = -ret->seconds;
	}
	return *reading.at == '\0';
}

static bool read_relative(const char *text, int64_t now_s, const struct zone *zone,
			  struct moment *ret)
{
	static const char *const words[] = { "yesterday", "today", "tomorrow" };
	struct civil local;

	if (strcasecmp(text, "now") == 0) {
		*ret = (struct moment){ .seconds = now_s };
		return true;
	}
	for (int i = 0; i < 3; i++) {
		if (strcasecmp(text, words[i]) != 0)
			continue;
		civil_from_seconds(now_s + zone_at(zone, now_s)->offset_s, &local);
		local.hour = local.minute = local.second = 0;
		*ret = (struct moment){ .is_local = true };
		ret->seconds =
			zone_utc(zone, civil_seconds(&local) + (int64_t)(i - 1) * CIVIL_DAY_SECONDS,
				 &ret->note);
		return true;
	}
	return false;
}

static int not_understood(const char *text, struct error *err)
{
	int a, b, used;

	used = (int)strspn(text, "0123456789/");
	a = (int)count_digits(text);
	b = a > 0 && text[a] == '/' ? (int)count_digits(text + a + 1) : 0;
	if (a >= 1 && a <= 2 && b >= 1 && b <= 2 && used >= a + b + 1)
		return FAIL(err, -EINVAL,
			    "\"%.40s\" can mean two dates (day first or month first): write it as "
			    "2024-01-31",
			    text);
	return FAIL(err, -EINVAL,
		    "\"%.60s\" is not understood as a time. Examples: 2024-01-31, "
		    "2024-01-31T18:30:00+01:00, Wed, 31 Jan 2024 18:30:00 +0100, 1706722200, now",
		    text);
}

static int check(const char *text, struct reading *reading, struct error *err)
{
	struct civil *civil = &reading->civil;
	int weekday;

	if (!civil_is_date(civil->year, civil->month, civil->day))
		return FAIL(err, -EINVAL, "\"%.60s\": there is no such day", text);
	if (civil->hour > 24 || civil->minute > 59 || civil->second > 60 ||
	    (civil->hour == 24 &&
	     (civil->minute > 0 || civil->second > 0 || reading->nanoseconds > 0)))
		return FAIL(err, -EINVAL, "\"%.60s\": there is no such time of day", text);
	weekday = civil_weekday(civil_days(civil->year, civil->month, civil->day));
	if (reading->weekday >= 0 && reading->weekday != weekday)
		return FAIL(err, -EINVAL, "\"%.60s\": that day is a %s, not a %s", text,
			    civil_weekday_names[weekday], civil_weekday_names[reading->weekday]);
	return 0;
}

static int place(const struct reading *reading, const char *zone_name, struct zone *zone,
		 struct moment *ret, struct error *err)
{
	int64_t local = civil_seconds(&reading->civil);
	int r;

	if (zone_name[0] != '\0') {
		r = zone_read(zone_name, zone, err);
		if (r < 0)
			return r;
	}
	*ret = (struct moment){ .nanoseconds = reading->nanoseconds };
	if (reading->has_offset) {
		ret->seconds = local - reading->offset_s;
		return 0;
	}
	ret->is_local = true;
	ret->seconds = zone_utc(zone, local, &ret->note);
	return 0;
}

int time_text_parse(const char *text, int64_t now_s, struct zone *zone, struct moment *ret,
		    struct error *err)
{
	char trimmed[TEXT_BYTES_MAX + 1], zone_name[WORD_BYTES * 2] = "";
	struct reading reading = { .weekday = -1 };
	size_t n;
	int r;

	text += strspn(text, " \t\n");
	n = strlen(text);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	if (n == 0)
		return FAIL(err, -EINVAL, "the timestamp is empty");
	if (n > TEXT_BYTES_MAX)
		return not_understood(text, err);
	memcpy(trimmed, text, n);
	trimmed[n] = '\0';
	if (read_relative(trimmed, now_s, zone, ret) || read_unix(trimmed, ret))
		return 0;
	reading.at = trimmed;
	if (!read_iso(&reading, zone_name)) {
		reading = (struct reading){ .at = trimmed, .weekday = -1 };
		zone_name[0] = '\0';
		if (!read_words(&reading))
			return not_understood(trimmed, err);
	}
	r = check(trimmed, &reading, err);
	return r < 0 ? r : place(&reading, zone_name, zone, ret, err);
}
