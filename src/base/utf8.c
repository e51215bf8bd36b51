/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

enum { UTF8_BYTES_MAX = 4, ASCII_END = 0x80, CODE_MAX = 0x10FFFF };

/* The range of the second byte is what rules out overlong forms, surrogates and > U+10FFFF. */
struct lead {
	unsigned char first, last, length, second_min, second_max;
};

static const struct lead leads[] = {
	{ 0xC2, 0xDF, 2, 0x80, 0xBF }, { 0xE0, 0xE0, 3, 0xA0, 0xBF }, { 0xE1, 0xEC, 3, 0x80, 0xBF },
	{ 0xED, 0xED, 3, 0x80, 0x9F }, { 0xEE, 0xEF, 3, 0x80, 0xBF }, { 0xF0, 0xF0, 4, 0x90, 0xBF },
	{ 0xF1, 0xF3, 4, 0x80, 0xBF }, { 0xF4, 0xF4, 4, 0x80, 0x8F },
};

static const struct lead *find_lead(unsigned char byte)
{
	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (byte >= leads[i].first && byte <= leads[i].last)
			return &leads[i];
	return NULL;
}

/* How many bytes of one character are right; *ret_whole says how many it needs (0: no lead). */
static size_t right_bytes(const char *at, size_t left, size_t *ret_whole)
{
	const unsigned char *byte = (const unsigned char *)at;
	const struct lead *lead = left > 0 ? find_lead(byte[0]) : NULL;

	*ret_whole = lead ? lead->length : 0;
	if (!lead)
		return 0;
	for (size_t i = 1; i < lead->length; i++) {
		unsigned char low = i == 1 ? lead->second_min : 0x80;
		unsigned char high = i == 1 ? lead->second_max : 0xBF;

		if (i == left || byte[i] < low || byte[i] > high)
			return i;
	}
	return lead->length;
}

size_t utf8_next(const char *at, size_t left)
{
	size_t whole;

	if (left > 0 && (unsigned char)*at < ASCII_END)
		return 1;
	return right_bytes(at, left, &whole) == whole ? whole : 0;
}

bool utf8_is_cut(const char *at, size_t left)
{
	size_t whole, right;

	if (left == 0 || left >= UTF8_BYTES_MAX)
		return false;
	right = right_bytes(at, left, &whole);
	return right == left && right < whole;
}

static size_t ascii_run(const char *at, size_t left)
{
	size_t n = 0;
	uint64_t eight;

	while (left - n >= sizeof(eight)) {
		memcpy(&eight, at + n, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
		n += sizeof(eight);
	}
	while (n < left && (unsigned char)at[n] < ASCII_END)
		n++;
	return n;
}

bool utf8_is_valid(const char *text, size_t length)
{
	for (size_t at = 0; at < length;) {
		size_t n = ascii_run(text + at, length - at);

		at += n;
		if (at == length)
			return true;
		n = utf8_next(text + at, length - at);
		if (n == 0)
			return false;
		at += n;
	}
	return true;
}

size_t utf8_cut(const char *text, size_t length, size_t max)
{
	size_t n = length < max ? length : max;

	for (size_t back = 1; back < UTF8_BYTES_MAX && back <= n; back++)
		if (utf8_is_cut(text + n - back, back))
			return n - back;
	return n;
}

int utf8_add_repaired(struct buf *buf, const char *text, size_t length)
{
	size_t from = 0;
	int r;

	for (size_t at = 0; at < length;) {
		size_t n;

		at += ascii_run(text + at, length - at);
		n = at < length ? utf8_next(text + at, length - at) : 0;
		if (n > 0 || at == length) {
			at += n;
			continue;
		}
		r = buf_add(buf, text + from, at - from);
		if (r >= 0)
			r = buf_add_string(buf, UTF8_REPLACEMENT);
		if (r < 0)
			return r;
		from = ++at;
	}
	return buf_add(buf, text + from, length - from);
}

int utf8_add_code(struct buf *buf, unsigned code)
{
	unsigned char out[UTF8_BYTES_MAX];
	size_t n;

	if (code > CODE_MAX || (code >= 0xD800 && code <= 0xDFFF))
		return buf_add_string(buf, UTF8_REPLACEMENT);
	if (code < ASCII_END)
		return buf_add_char(buf, (char)code);
	n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (unsigned char)(0x80 | (code & 0x3F));
		code >>= 6;
	}
	out[0] = (unsigned char)((0xF00 >> n & 0xF0) | code);
	return buf_add(buf, out, n);
}
