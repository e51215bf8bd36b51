/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Unit tests that print TAP, for Meson's protocol: 'tap'.
 *
 * TEST(name) registers a test; each runs in a forked child with a time limit, so
 * a crash, a hang or a leak (under ASan) fails that test alone. A failed EXPECT
 * prints both values and ends the test. SKIP(reason) must name what is missing.
 */
#pragma once

#include <stdint.h>
#include <string.h>

struct tap_test {
	const char *name;
	void (*run)(void);
	struct tap_test *next;
};

void tap_register(struct tap_test *test);
_Noreturn void tap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void tap_skip(const char *reason);

#define TEST(name_) \
	static void test_##name_(void); \
	__attribute__((constructor)) static void register_##name_(void) \
	{ \
		static struct tap_test t = { .name = #name_, .run = test_##name_ }; \
		tap_register(&t); \
	} \
	static void test_##name_(void)

#define SKIP(reason) tap_skip(reason)

#define EXPECT_INT(actual, op, wanted) \
	do { \
		intmax_t a_ = (intmax_t)(actual), w_ = (intmax_t)(wanted); \
		if (!(a_ op w_)) \
			tap_fail(__FILE__, __LINE__, "%s %s %s: %jd vs %jd", #actual, #op, \
				 #wanted, a_, w_); \
	} while (0)

#define EXPECT_STR(actual, wanted) \
	do { \
		const char *a_ = (actual), *w_ = (wanted); \
		if (strcmp(a_, w_) != 0) \
			tap_fail(__FILE__, __LINE__, "%s: \"%s\", wanted \"%s\"", #actual, a_, \
				 w_); \
	} while (0)

#define EXPECT_OK(call, err) \
	do { \
		int r_ = (call); \
		if (r_ < 0) \
			tap_fail(__FILE__, __LINE__, "%s: %d %s", #call, r_, (err)->text); \
	} while (0)
