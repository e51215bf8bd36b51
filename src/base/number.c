/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/number.h"

#include <errno.h>

int number_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(n, UINT64_C(10), &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n))
			return -ERANGE;
	}
	if (n < min || n > max)
		return -ERANGE;
	*ret = n;
	return 0;
}

int number_parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret)
{
	int negative = *text == '-';
	uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
	uint64_t n;
	int64_t value;
	int r = number_parse_u64(text + negative, 0, limit, &n);

	if (r < 0)
		return r;
	value = negative ? (int64_t)(0 - n) : (int64_t)n;
	if (value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int number_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20); /* lower case; turns nothing else into a letter from a to f */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
