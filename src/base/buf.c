/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { BUF_CAPACITY_MIN = 64 };

int buf_reserve(struct buf *buf, size_t length, char **ret)
{
	size_t capacity = buf->capacity > 0 ? buf->capacity : BUF_CAPACITY_MIN;
	char *data;

	assert(buf->max > 0);
	if (buf->length > buf->max || length > buf->max - buf->length)
		return -EMSGSIZE;
	while (capacity - 1 < buf->length + length)
		capacity *= 2; /* max is far below SIZE_MAX / 2 for every buffer there is */
	if (capacity > buf->capacity) {
		data = realloc(buf->data, capacity);
		if (!data)
			return -ENOMEM;
		buf->data = data;
		buf->capacity = capacity;
	}
	buf->data[buf->length] = '\0';
	*ret = buf->data + buf->length;
	return 0;
}

void buf_commit(struct buf *buf, size_t length)
{
	assert(buf->data && length < buf->capacity - buf->length);
	buf->length += length;
	buf->data[buf->length] = '\0';
}

int buf_add(struct buf *buf, const void *bytes, size_t length)
{
	char *at;
	int r = buf_reserve(buf, length, &at);

	if (r < 0)
		return r;
	if (length > 0)
		memcpy(at, bytes, length);
	buf_commit(buf, length);
	return 0;
}

int buf_add_string(struct buf *buf, const char *string)
{
	return buf_add(buf, string, strlen(string));
}

int buf_add_char(struct buf *buf, char c)
{
	return buf_add(buf, &c, 1);
}

int buf_vprintf(struct buf *buf, const char *fmt, va_list ap)
{
	va_list again;
	char *at;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return -EINVAL;
	r = buf_reserve(buf, (size_t)n, &at);
	if (r < 0)
		return r;
	(void)vsnprintf(at, (size_t)n + 1, fmt, ap); /* same arguments, same length */
	buf_commit(buf, (size_t)n);
	return 0;
}

int buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(buf, fmt, ap);
	va_end(ap);
	return r;
}

void buf_consume(struct buf *buf, size_t length)
{
	if (length >= buf->length) {
		buf_truncate(buf, 0);
		return;
	}
	memmove(buf->data, buf->data + length, buf->length - length);
	buf_truncate(buf, buf->length - length);
}

void buf_truncate(struct buf *buf, size_t length)
{
	if (length > buf->length || !buf->data)
		return;
	buf->length = length;
	buf->data[length] = '\0';
}

const char *buf_string(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
	char *data = buf->data;

	*buf = BUF(buf->max);
	return data;
}

void buf_free(struct buf *buf)
{
	free(buf->data);
	*buf = BUF(buf->max);
}
