/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * buf - a growable byte buffer that is born with a maximum.
 *
 * The content is always followed by a NUL that is not counted, so data is a C string when it holds
 * no NUL itself. The zero value with a maximum (BUF(max)) is empty and needs no allocation.
 *
 * Ownership  The buffer owns data; buf_take() hands it to the caller, who frees it.
 * Errors     -ENOMEM, or -EMSGSIZE when max would be exceeded; the content is then unchanged.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdarg.h>
#include <stddef.h>

struct buf {
	char *data;
	size_t length;
	size_t capacity;
	size_t max;
};

#define BUF(max_) ((struct buf){ .max = (max_) })

/* Each appends what it is given, whole or not at all. */
must_check int buf_add(struct buf *buf, const void *bytes, size_t length);
must_check int buf_add_string(struct buf *buf, const char *string);
must_check int buf_add_char(struct buf *buf, char c);
must_check int buf_printf(struct buf *buf, const char *fmt, ...) printf_like(2, 3);
must_check int buf_vprintf(struct buf *buf, const char *fmt, va_list ap) printf_like(2, 0);

/* Room for length more bytes behind the content; *ret points at it. buf_commit() then counts them.
 */
must_check int buf_reserve(struct buf *buf, size_t length, char **ret);
void buf_commit(struct buf *buf, size_t length);

/* Removes length bytes at the front (never more than there are). */
void buf_consume(struct buf *buf, size_t length);
void buf_truncate(struct buf *buf, size_t length);

/* The content as a NUL-terminated string; "" when empty. Borrowed. */
const char *buf_string(const struct buf *buf);

/* Moves the content out (NULL only when it was never allocated). */
char *buf_take(struct buf *buf);
void buf_free(struct buf *buf);
#define auto_buf CLEANUP(buf_free)
