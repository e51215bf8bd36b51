/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * time-text - reading and writing points in time as people and programs write them (L6).
 *
 * Read: unix seconds (or milliseconds with 13 digits), ISO 8601 and RFC 3339 with or without an
 * offset or a [Zone/Name], RFC 2822 and HTTP dates, the output of date(1), "Nov 15, 1994 8:12 PM",
 * and now, today, tomorrow, yesterday. A weekday has to fit its date. "01/02/2024" is refused: it
 * means two things.
 *
 * Units      UTC seconds since 1970 and nanoseconds.
 * Errors     -EINVAL with a sentence for the model.
 * Tests      tests/data/time.cases, fuzz/fuzz-time-text.c
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/zone.h"

struct moment {
	int64_t seconds;
	int32_t nanoseconds; /* 0…999999999 */
	bool is_local;       /* the text had no offset: zone's was used */
	enum zone_note note; /* what the clock did then, when is_local */
};

/* now_s is the present; zone is used where the text has no offset, and replaced when it names one.
 */
must_check int time_text_parse(const char *text, int64_t now_s, struct zone *zone,
			       struct moment *ret, struct error *err);

/* Appends the moment in the zone by an strftime format, or by "iso8601", "rfc2822", "unix". */
must_check int time_text_format(const struct moment *moment, const struct zone *zone,
				const char *format, struct buf *to, struct error *err);

/* Appends 2024-01-02T03:04:05+01:00, fractions when there are any, Z in UTC. */
must_check int time_text_put_iso(const struct moment *moment, const struct zone *zone,
				 struct buf *to);

/* Appends "1 day 2 hours 3 minutes", the sign left out; "0 seconds". */
must_check int time_text_put_span(uint64_t seconds, struct buf *to);
