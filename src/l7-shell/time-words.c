/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/time-words.h"

#include "l7-shell/link.h"

#include "base/number.h"

#include <string.h>

enum { ISO_BYTES = sizeof("2026-11-24T14:47:19") - 1, TIME_AT = sizeof("2026-11-24T") - 1 };

static const char *const months[] = { "January",   "February", "March",    "April",
				      "May",       "June",     "July",     "August",
				      "September", "October",  "November", "December" };

/* length digits as a number in [min, max]. */
static bool digits(const char *at, size_t length, uint64_t min, uint64_t max, uint64_t *ret)
{
	char text[8] = { 0 };

	memcpy(text, at, length);
	return number_parse_u64(text, min, max, ret) == 0;
}

/* "+01:00", "Z", with fractions of a second in front passed over. */
static const char *zone_of(const char *iso)
{
	const char *at = iso + ISO_BYTES;

	at += strspn(at, ".0123456789");
	return strcmp(at, "Z") == 0 ? "+00:00" : at;
}

int time_words(const char *result, struct buf *out)
{
	auto_json sd_json_variant *object = NULL;
	const char *iso, *weekday, *name, *note;
	uint64_t year, month, day;
	int r;

	if (sd_json_parse(result, 0, &object, NULL, NULL) < 0)
		return 0;
	iso = link_string(object, "iso");
	weekday = link_string(object, "weekday");
	name = link_string(object, "timezone");
	note = link_string(object, "note");
	if (strlen(iso) <= ISO_BYTES || !*weekday || !digits(iso, 4, 0, 9999, &year) ||
	    !digits(iso + 5, 2, 1, 12, &month) || !digits(iso + 8, 2, 1, 31, &day))
		return 0;
	r = buf_printf(out, "%s, %u %s %u, %.8s (", weekday, (unsigned)day, months[month - 1],
		       (unsigned)year, iso + TIME_AT);
	if (r >= 0 && *name && strcmp(name, "UTC") != 0)
		r = buf_printf(out, "%s, UTC%s)", name, zone_of(iso));
	else if (r >= 0 && strcmp(zone_of(iso), "+00:00") == 0)
		r = buf_add_string(out, "UTC)");
	else if (r >= 0)
		r = buf_printf(out, "UTC%s)", zone_of(iso));
	if (r >= 0 && *note)
		r = buf_printf(out, "\n%s", note);
	return r < 0 ? r : 1;
}
