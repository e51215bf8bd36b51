/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * time-format - writing points in time (L6): the writing half of time-text.h.
 */
#include "l6-agent/civil.h"
#include "l6-agent/time-text.h"

#include <inttypes.h>
#include <string.h>

enum { NANO_DIGITS = 9, FORMAT_BYTES_MAX = 512 };

struct fields {
	struct civil civil;
	const struct zone_type *type;
	const struct moment *moment;
	int weekday, year_day, iso_week, iso_year;
};

static void split(const struct moment *moment, const struct zone *zone, struct fields *ret)
{
	struct civil *civil = &ret->civil;

	ret->moment = moment;
	ret->type = zone_at(zone, moment->seconds);
	civil_from_seconds(moment->seconds + ret->type->offset_s, civil);
	ret->weekday = civil_weekday(civil_days(civil->year, civil->month, civil->day));
	ret->year_day = civil_year_day(civil->year, civil->month, civil->day);
	ret->iso_week = civil_iso_week(civil->year, civil->month, civil->day, &ret->iso_year);
}

static int put_offset(const struct fields *fields, const char *colon, struct buf *to)
{
	int32_t offset = fields->type->offset_s, minutes = (offset < 0 ? -offset : offset) / 60;

	return buf_printf(to, "%c%02d%s%02d", offset < 0 ? '-' : '+', minutes / 60, colon,
			  minutes % 60);
}

static int twelve(int hour)
{
	return hour % 12 == 0 ? 12 : hour % 12;
}

/* Weeks of the year that begin on weekday `first`, from 0. */
static int week(const struct fields *fields, int first)
{
	return (fields->year_day - 1 + 7 - (fields->weekday - first + 7) % 7) / 7;
}

static int put_fraction(const struct fields *fields, int digits, struct buf *to)
{
	char text[NANO_DIGITS + 1];

	(void)snprintf(text, sizeof(text), "%09d", fields->moment->nanoseconds);
	return buf_add(to, text, (size_t)digits);
}

/* What a directive stands for as a format of its own; NULL when it is none. */
static const char *composed(char directive)
{
	switch (directive) {
	case 'F':
		return "%Y-%m-%d";
	case 'T':
	case 'X':
		return "%H:%M:%S";
	case 'R':
		return "%H:%M";
	case 'D':
	case 'x':
		return "%m/%d/%y";
	case 'r':
		return "%I:%M:%S %p";
	case 'c':
		return "%a %b %e %H:%M:%S %Y";
	case '+':
		return "%a %b %e %H:%M:%S %Z %Y";
	default:
		return NULL;
	}
}

/* Numbers: the directives with what they print and how wide. */
static bool number_of(const struct fields *fields, char directive, int *ret, int *ret_width)
{
	const struct civil *civil = &fields->civil;
	const struct {
		char directive;
		int width, value;
	} numbers[] = {
		{ 'Y', 4, civil->year },
		{ 'C', 2, civil->year / 100 },
		{ 'y', 2, civil->year % 100 },
		{ 'm', 2, civil->month },
		{ 'd', 2, civil->day },
		{ 'H', 2, civil->hour },
		{ 'I', 2, twelve(civil->hour) },
		{ 'M', 2, civil->minute },
		{ 'S', 2, civil->second },
		{ 'j', 3, fields->year_day },
		{ 'u', 1, fields->weekday == 0 ? 7 : fields->weekday },
		{ 'w', 1, fields->weekday },
		{ 'V', 2, fields->iso_week },
		{ 'G', 4, fields->iso_year },
		{ 'g', 2, fields->iso_year % 100 },
		{ 'U', 2, week(fields, 0) },
		{ 'W', 2, week(fields, 1) },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].directive == directive) {
			*ret = numbers[i].value;
			*ret_width = numbers[i].width;
			return true;
		}
	}
	return false;
}

/* 1 when there is no such directive. */
static int put_text(const struct fields *fields, char directive, struct buf *to)
{
	const char *month = civil_month_names[fields->civil.month - 1];
	const char *weekday = civil_weekday_names[fields->weekday];
	bool is_pm = fields->civil.hour >= 12;

	switch (directive) {
	case 'A':
		return buf_add_string(to, weekday);
	case 'a':
		return buf_add(to, weekday, 3);
	case 'B':
		return buf_add_string(to, month);
	case 'b':
	case 'h':
		return buf_add(to, month, 3);
	case 'p':
		return buf_add_string(to, is_pm ? "PM" : "AM");
	case 'P':
		return buf_add_string(to, is_pm ? "pm" : "am");
	case 'e':
		return buf_printf(to, "%2d", fields->civil.day);
	case 'k':
		return buf_printf(to, "%2d", fields->civil.hour);
	case 'l':
		return buf_printf(to, "%2d", twelve(fields->civil.hour));
	case 's':
		return buf_printf(to, "%" PRId64, fields->moment->seconds);
	case 'f':
		return put_fraction(fields, 6, to);
	case 'L':
		return put_fraction(fields, 3, to);
	case 'N':
		return put_fraction(fields, NANO_DIGITS, to);
	case 'z':
		return put_offset(fields, "", to);
	case 'Z':
		return buf_add_string(to, fields->type->abbreviation);
	case 'n':
		return buf_add_char(to, '\n');
	case 't':
		return buf_add_char(to, '\t');
	case '%':
		return buf_add_char(to, '%');
	default:
		return 1;
	}
}

static int put_format(const struct fields *fields, const char *format, struct buf *to,
		      struct error *err);

/* One directive; *at is behind its % and is moved behind it. */
static int put_directive(const struct fields *fields, const char **at, struct buf *to,
			 struct error *err)
{
	bool bare = **at == '-' || **at == '_';
	int number, width, r;
	char directive;

	if (strncmp(*at, ":z", 2) == 0) {
		*at += 2;
		return put_offset(fields, ":", to);
	}
	*at += bare;
	directive = **at;
	if (directive == '\0')
		return FAIL(err, -EINVAL, "the format ends in a lone %%");
	++*at;
	if (composed(directive))
		return put_format(fields, composed(directive), to, err);
	if (number_of(fields, directive, &number, &width))
		return buf_printf(to, "%0*d", bare ? 1 : width, number);
	r = put_text(fields, directive, to);
	return r == 1 ? FAIL(err, -EINVAL,
			     "the format has an unknown directive %%%c; it is strftime, e.g. "
			     "%%Y-%%m-%%d %%H:%%M:%%S %%Z",
			     directive)
		      : r;
}

static int put_format(const struct fields *fields, const char *format, struct buf *to,
		      struct error *err)
{
	int r = 0;

	while (r == 0 && *format != '\0') {
		const char *next = strchrnul(format, '%');

		if (next > format)
			r = buf_add(to, format, (size_t)(next - format));
		format = next;
		if (r == 0 && *format == '%') {
			format++;
			r = put_directive(fields, &format, to, err);
		}
	}
	return r;
}

int time_text_format(const struct moment *moment, const struct zone *zone, const char *format,
		     struct buf *to, struct error *err)
{
	struct fields fields;

	split(moment, zone, &fields);
	if (strcasecmp(format, "iso8601") == 0 || strcasecmp(format, "iso") == 0 ||
	    strcasecmp(format, "rfc3339") == 0)
		return time_text_put_iso(moment, zone, to);
	if (strcasecmp(format, "rfc2822") == 0)
		return put_format(&fields, "%a, %d %b %Y %H:%M:%S %z", to, err);
	if (strcasecmp(format, "unix") == 0)
		return buf_printf(to, "%" PRId64, moment->seconds);
	if (strlen(format) > FORMAT_BYTES_MAX)
		return FAIL(err, -EINVAL, "the format is longer than %d bytes", FORMAT_BYTES_MAX);
	if (!strchr(format, '%'))
		return FAIL(err, -EINVAL,
			    "the format \"%.40s\" has no directive; it is strftime, e.g. "
			    "%%Y-%%m-%%d %%H:%%M:%%S, or iso8601, rfc2822, unix",
			    format);
	return put_format(&fields, format, to, err);
}

int time_text_put_iso(const struct moment *moment, const struct zone *zone, struct buf *to)
{
	struct fields fields;
	int digits = NANO_DIGITS, r;
	int32_t rest = moment->nanoseconds;

	split(moment, zone, &fields);
	r = put_format(&fields, "%FT%T", to, NULL);
	for (; rest != 0 && rest % 10 == 0; rest /= 10)
		digits--;
	if (r == 0 && rest != 0)
		r = buf_add_char(to, '.');
	if (r == 0 && rest != 0)
		r = put_fraction(&fields, digits, to);
	if (r < 0)
		return r;
	return fields.type->offset_s == 0 && strcmp(zone->name, "UTC") == 0
		       ? buf_add_char(to, 'Z')
		       : put_offset(&fields, ":", to);
}

int time_text_put_span(uint64_t seconds, struct buf *to)
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = {
		{ CIVIL_DAY_SECONDS, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" }
	};
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t n = seconds / units[i].seconds;

		seconds %= units[i].seconds;
		if (n == 0)
			continue;
		r = buf_printf(to, "%s%" PRIu64 " %s%s", any ? " " : "", n, units[i].name,
			       n == 1 ? "" : "s");
		any = true;
	}
	return r == 0 && !any ? buf_add_string(to, "0 seconds") : r;
}
