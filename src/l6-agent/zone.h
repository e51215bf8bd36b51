/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * zone - one time zone, read from the system's IANA data, without libc's process-wide TZ (L6).
 *
 * Names are IANA names in any case ("europe/berlin"), "UTC", or a fixed offset ("+02:00", "UTC+2").
 *
 * Ownership  Value type.
 * Errors     -EINVAL with a sentence: the nearest names when there is no such zone.
 * Source     RFC 9636 (TZif), POSIX.1-2017 chapter 8 (the rule behind the last transition)
 * Tests      tests/unit/l6-agent/test-tool-here.c, fuzz/fuzz-zone.c
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ZONE_NAME_BYTES = 64,
	ZONE_ABBREVIATION_BYTES = 16,
	ZONE_TRANSITIONS_MAX = 2048,
	ZONE_TYPES_MAX = 256,
};

struct zone_type {
	int32_t offset_s; /* east of UTC */
	bool is_dst;
	char abbreviation[ZONE_ABBREVIATION_BYTES];
};

/* "M3.5.0/2": a day of the year and a local time at which a rule begins to hold. */
struct zone_day {
	char kind; /* 'M', 'J' or '0' (day from 0) */
	int month, week, weekday, day;
	int32_t time_s;
};

struct zone {
	char name[ZONE_NAME_BYTES];
	struct zone_type types[ZONE_TYPES_MAX];
	size_t n_types, n_transitions;
	int64_t transitions[ZONE_TRANSITIONS_MAX]; /* UTC seconds, ascending */
	uint8_t types_after[ZONE_TRANSITIONS_MAX];
	/* After the last transition: */
	bool has_rule, rule_has_dst;
	struct zone_type standard, summer;
	struct zone_day summer_begins, summer_ends;
};

/* Reads a zone. NULL or "" is UTC. */
must_check int zone_read(const char *name, struct zone *ret, struct error *err);

/* The content of a TZif file; name is for messages. */
must_check int zone_parse(const char *name, const unsigned char *bytes, size_t length,
			  struct zone *ret, struct error *err);

/* A POSIX TZ rule such as CET-1CEST,M3.5.0,M10.5.0/3, into the rule of zone. False when malformed.
 */
must_check bool zone_parse_rule(const char *text, size_t length, struct zone *zone);

/* The zone that is always so far east of UTC. */
void zone_fixed(int32_t offset_s, struct zone *ret);

/* What holds at that moment. Borrowed from zone. */
const struct zone_type *zone_at(const struct zone *zone, int64_t utc_s);

/*
 * The moment of a local time. In a gap (the clock is put forward) the time read with the offset
 * before it, so 02:30 becomes 03:30; where a time comes twice, the earlier. *ret_note then says so.
 */
enum zone_note { ZONE_ONCE, ZONE_SKIPPED, ZONE_TWICE };
int64_t zone_utc(const struct zone *zone, int64_t local_s, enum zone_note *ret_note);
