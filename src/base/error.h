/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Failures: a negative errno for the program, one sentence for the person.
 *
 * - A fallible function returns 0 (or a count) on success, -errno on failure.
 * - An expected outcome ("denied", "not found", "end of stream") is no failure:
 *   it comes back through a ret_ parameter as an enum the caller must switch on.
 * - Only the function that detects a failure fills struct error. Callers add
 *   context with error_prefix() or pass it on; main() and the dispatcher log it.
 * - err may be NULL. Nothing is allocated, so reporting -ENOMEM works.
 */
#pragma once

#include <errno.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(f, arg) __attribute__((format(printf, f, arg)))

enum { ERROR_TEXT_BYTES = 224 };

struct error {
	int code;          /* -errno; 0 means no error was recorded */
	const char *where; /* "file.c:line" of the first FAIL(), static storage */
	char text[ERROR_TEXT_BYTES];
};

#define ERROR_WHERE_2(line) __FILE_NAME__ ":" #line
#define ERROR_WHERE_1(line) ERROR_WHERE_2(line)
#define FAIL(err, code, ...) error_set((err), (code), ERROR_WHERE_1(__LINE__), __VA_ARGS__)

/* Records the failure and returns code unchanged, so callers write `return FAIL(...)`. */
int error_set(struct error *err, int code, const char *where, const char *fmt, ...)
	printf_like(4, 5);

/* Puts "context: " in front of the text and returns err->code (-EIO if err is NULL or empty). */
int error_prefix(struct error *err, const char *fmt, ...) printf_like(2, 3);
