/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/inner-mark.h"

#include "base/number.h"

#include <string.h>
#include <sys/random.h>

enum {
	ESC = 0x1B,
	NONCE_BYTES = INNER_NONCE_DIGITS / 2,
	HELD_MAX = INNER_DIRECTORY_BYTES + 256,
	STATUS_MAX = 255
};

#define FRONT "\033]7770;"
#define END "\a"

int inner_mark_init(struct inner_mark *mark, struct error *err)
{
	unsigned char bytes[NONCE_BYTES];

	*mark = (struct inner_mark){ .held = BUF(HELD_MAX) };
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return FAIL(err, -EIO, "no random number: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(bytes); i++) {
		mark->nonce[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		mark->nonce[2 * i + 1] = "0123456789abcdef"[bytes[i] & 0xF];
	}
	return 0;
}

void inner_mark_free(struct inner_mark *mark)
{
	buf_free(&mark->held);
}

int inner_mark_prompt(const struct inner_mark *mark, struct buf *out)
{
	return buf_printf(out, FRONT "%s;$?;$PWD;%s" END, mark->nonce, mark->nonce);
}

/* What a mark begins with: its first n bytes are right. */
static bool begins_right(const struct inner_mark *mark)
{
	char front[sizeof(FRONT) + INNER_NONCE_DIGITS + 1];
	size_t n = strlen(FRONT);

	memcpy(front, FRONT, n);
	memcpy(front + n, mark->nonce, INNER_NONCE_DIGITS);
	front[n + INNER_NONCE_DIGITS] = ';';
	n += INNER_NONCE_DIGITS + 1;
	if (mark->held.length < n)
		n = mark->held.length;
	return memcmp(mark->held.data, front, n) == 0;
}

/* STATUS ; DIRECTORY between the two nonces; false: it is none. */
static bool read_fields(struct inner_mark *mark, const char *fields, size_t length)
{
	const char *separator = memchr(fields, ';', length);
	uint64_t status;
	char digits[4];
	size_t n;

	if (!separator || (size_t)(separator - fields) >= sizeof(digits))
		return false;
	n = (size_t)(separator - fields);
	memcpy(digits, fields, n);
	digits[n] = '\0';
	length -= n + 1;
	if (number_parse_u64(digits, 0, STATUS_MAX, &status) < 0 ||
	    length >= sizeof(mark->directory))
		return false;
	memcpy(mark->directory, separator + 1, length);
	mark->directory[length] = '\0';
	mark->status = (int)status;
	mark->found = true;
	return true;
}

static int let_go(struct inner_mark *mark, struct buf *out)
{
	int r = buf_add(out, mark->held.data, mark->held.length);

	buf_truncate(&mark->held, 0);
	return r;
}

/* What is held ends as a mark does. */
static bool has_ended(const struct inner_mark *mark)
{
	size_t back = INNER_NONCE_DIGITS + 2, length = mark->held.length;
	const char *end = mark->held.data + length;

	return length >= strlen(FRONT) + INNER_NONCE_DIGITS + 1 + back && end[-1] == *END &&
	       end[-(ptrdiff_t)back] == ';' &&
	       memcmp(end - back + 1, mark->nonce, INNER_NONCE_DIGITS) == 0;
}

/* Takes the mark, or lets go what only looks like one: the prompt as a program prints it. */
static int end_mark(struct inner_mark *mark, struct buf *out)
{
	size_t front = strlen(FRONT) + INNER_NONCE_DIGITS + 1, back = INNER_NONCE_DIGITS + 2;

	if (!read_fields(mark, mark->held.data + front, mark->held.length - front - back))
		return let_go(mark, out);
	buf_truncate(&mark->held, 0);
	return 0;
}

static int take(struct inner_mark *mark, char byte, struct buf *out)
{
	int r;

	if (mark->held.length == 0 && byte != ESC)
		return buf_add_char(out, byte);
	if (mark->held.length == HELD_MAX - 1) {
		r = let_go(mark, out);
		return r < 0 ? r : take(mark, byte, out);
	}
	r = buf_add_char(&mark->held, byte);
	if (r < 0)
		return r;
	if (!begins_right(mark)) {
		buf_truncate(&mark->held, mark->held.length - 1);
		r = let_go(mark, out);
		if (r < 0)
			return r;
		return byte == ESC ? buf_add_char(&mark->held, byte) : buf_add_char(out, byte);
	}
	return has_ended(mark) ? end_mark(mark, out) : 0;
}

int inner_mark_feed(struct inner_mark *mark, const char *bytes, size_t length, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < length && r == 0; i++)
		r = take(mark, bytes[i], out);
	return r;
}
