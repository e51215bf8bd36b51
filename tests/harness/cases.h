/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cases - tests as data: tests/data/NAME.cases, one case a line, fields separated by tabs, lines
 * that start with # are comments. The folder comes from CLAW_DATA.
 */
#pragma once

#include <stddef.h>

enum { CASES_FIELDS_MAX = 8, CASES_LINE_BYTES = 8192 };

struct test_case {
	const char *file;
	int line;
	char *fields[CASES_FIELDS_MAX];
};

/* Calls run for each case; fails the test when a case has not exactly n_fields or there are fewer
 * than n_min of them. */
void cases_run(const char *name, size_t n_fields, unsigned n_min,
	       void (*run)(const struct test_case *c));

/* Turns \n \t \r \0 \\ and \xHH in a field into the bytes, in place; returns the length. */
size_t cases_unescape(char *field);
