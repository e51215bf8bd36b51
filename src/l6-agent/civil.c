/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/civil.h"

const char *const civil_month_names[12] = { "January",   "February", "March",    "April",
					    "May",       "June",     "July",     "August",
					    "September", "October",  "November", "December" };
const char *const civil_weekday_names[7] = { "Sunday",   "Monday", "Tuesday", "Wednesday",
					     "Thursday", "Friday", "Saturday" };

enum { DAYS_400_YEARS = 146097, DAYS_0_TO_1970 = 719468, THURSDAY = 4 };

/* Years begin in March here, so that the leap day is the last day of one. */
int64_t civil_days(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * DAYS_400_YEARS + day_of_era - DAYS_0_TO_1970;
}

int64_t civil_seconds(const struct civil *civil)
{
	return civil_days(civil->year, civil->month, civil->day) * CIVIL_DAY_SECONDS +
	       civil->hour * 3600 + civil->minute * 60 + civil->second;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

void civil_from_seconds(int64_t seconds, struct civil *ret)
{
	int64_t days = floor_div(seconds, CIVIL_DAY_SECONDS);
	int64_t rest = seconds - days * CIVIL_DAY_SECONDS;
	int64_t shifted = days + DAYS_0_TO_1970;
	int64_t era = floor_div(shifted, DAYS_400_YEARS);
	int64_t day_of_era = shifted - era * DAYS_400_YEARS;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
			       day_of_era / (DAYS_400_YEARS - 1)) /
			      365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted_month = (5 * day_of_year + 2) / 153;

	ret->day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
	ret->month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
	ret->year = (int)(year_of_era + era * 400 + (ret->month <= 2));
	ret->hour = (int)(rest / 3600);
	ret->minute = (int)(rest / 60 % 60);
	ret->second = (int)(rest % 60);
}

bool civil_is_leap(int year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int civil_month_days(int year, int month)
{
	static const int days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && civil_is_leap(year));
}

int civil_weekday(int64_t days)
{
	return (int)(((days + THURSDAY) % 7 + 7) % 7);
}

int civil_year_day(int year, int month, int day)
{
	return (int)(civil_days(year, month, day) - civil_days(year, 1, 1)) + 1;
}

bool civil_is_date(int year, int month, int day)
{
	return year >= 0 && year <= CIVIL_YEAR_MAX && month >= 1 && month <= 12 && day >= 1 &&
	       day <= civil_month_days(year, month);
}

int civil_iso_week(int year, int month, int day, int *ret_year)
{
	int64_t days = civil_days(year, month, day);
	/* The week belongs to the year of its Thursday. */
	int64_t thursday = days - (civil_weekday(days) + 6) % 7 + 3;
	struct civil of_thursday;

	civil_from_seconds(thursday * CIVIL_DAY_SECONDS, &of_thursday);
	*ret_year = of_thursday.year;
	return (int)((thursday - civil_days(of_thursday.year, 1, 1)) / 7) + 1;
}
