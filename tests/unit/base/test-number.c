/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/number.h"

#include "harness/tap.h"

#include <errno.h>

TEST(only_whole_numbers_in_range_are_numbers)
{
	uint64_t n = 7;
	int64_t i = 7;

	EXPECT_INT(number_parse_u64("18446744073709551615", 0, UINT64_MAX, &n), ==, 0);
	EXPECT_INT(n == UINT64_MAX, ==, 1);
	EXPECT_INT(number_parse_i64("-9223372036854775808", INT64_MIN, 0, &i), ==, 0);
	EXPECT_INT(i, ==, INT64_MIN);
	EXPECT_INT(number_parse_u64("18446744073709551616", 0, UINT64_MAX, &n), ==, -ERANGE);
	EXPECT_INT(number_parse_u64("11", 0, 10, &n), ==, -ERANGE);
	EXPECT_INT(number_parse_i64("9223372036854775808", 0, INT64_MAX, &i), ==, -ERANGE);
	EXPECT_INT(number_parse_i64("-1", 0, 10, &i), ==, -ERANGE);
	EXPECT_INT(number_parse_u64("", 0, 10, &n), ==, -EINVAL);
	EXPECT_INT(number_parse_u64("+1", 0, 10, &n), ==, -EINVAL);
	EXPECT_INT(number_parse_u64(" 1", 0, 10, &n), ==, -EINVAL);
	EXPECT_INT(number_parse_i64("-", 0, 10, &i), ==, -EINVAL);
	EXPECT_INT(number_parse_i64("1k", 0, 10, &i), ==, -EINVAL);
	EXPECT_INT(n == UINT64_MAX, ==, 1);
	EXPECT_INT(i, ==, INT64_MIN);
}

TEST(of_all_bytes_only_the_hexadecimal_digits_have_a_value)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	for (int c = 0; c < 256; c++) {
		const char *at = c ? strchr(digits, c) : NULL;
		int value = !at                ? -1
			    : at < digits + 16 ? (int)(at - digits)
					       : (int)(at - digits) - 6;

		EXPECT_INT(number_hex_digit((char)c), ==, value);
	}
}
