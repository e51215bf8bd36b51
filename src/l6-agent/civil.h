/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * civil - the proleptic Gregorian calendar as arithmetic, without zones and without libc state
 * (L6).
 *
 * Ownership  Values only.
 * Units      Seconds since 1970-01-01T00:00:00; days since 1970-01-01. Years 0…9999.
 * Tests      tests/unit/l6-agent/test-tool-here.c
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct civil {
	int year, month, day;     /* month and day from 1 */
	int hour, minute, second; /* second up to 59 */
};

enum { CIVIL_YEAR_MAX = 9999, CIVIL_DAY_SECONDS = 24 * 60 * 60 };

/* Days since 1970-01-01; the date has to exist. */
int64_t civil_days(int year, int month, int day);
/* Seconds since 1970 and back, both without a zone. */
int64_t civil_seconds(const struct civil *civil);
void civil_from_seconds(int64_t seconds, struct civil *ret);

bool civil_is_leap(int year);
int civil_month_days(int year, int month);
int civil_weekday(int64_t days);                  /* 0 is Sunday */
int civil_year_day(int year, int month, int day); /* from 1 */
bool civil_is_date(int year, int month, int day);

/* ISO 8601 week of the date; *ret_year may be the year before or after. */
int civil_iso_week(int year, int month, int day, int *ret_year);

extern const char *const civil_month_names[12];
extern const char *const civil_weekday_names[7];
