/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * number - exact decimal parsing: digits only (one leading '-' for signed), whole string, in range.
 * Errors: -EINVAL not a number, -ERANGE outside [min, max]; *ret is then untouched.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

/* The value of a hexadecimal digit in either case; -1 when c is none. */
int number_hex_digit(char c);

must_check int number_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
must_check int number_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret);
