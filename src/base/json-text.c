/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/json-text.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

enum { CONTROL_END = 0x20 };

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static bool has_zero_byte(uint64_t eight)
{
	return ((eight - EACH(1)) & ~eight & EACH(0x80)) != 0;
}

/* Length of the run that needs no escaping. Malformed UTF-8 was ruled out before. */
static size_t plain_run(const char *at, size_t left)
{
	size_t n = 0;
	uint64_t eight;

	while (left - n >= sizeof(eight)) {
		memcpy(&eight, at + n, sizeof(eight));
		/* below 0x20: the top three bits are zero, so masking leaves a zero byte */
		if (has_zero_byte(eight & EACH(0xE0)) || has_zero_byte(eight ^ EACH('"')) ||
		    has_zero_byte(eight ^ EACH('\\')))
			break;
		n += sizeof(eight);
	}
	while (n < left && (unsigned char)at[n] >= CONTROL_END && at[n] != '"' && at[n] != '\\')
		n++;
	return n;
}

static int escape_one(struct buf *buf, unsigned char c)
{
	static const char from[] = "\"\\\n\t\r\b\f", to[] = "\"\\ntrbf";
	const char *at = c ? strchr(from, c) : NULL;

	return at ? buf_printf(buf, "\\%c", to[at - from]) : buf_printf(buf, "\\u%04x", c);
}

static int escape_valid(struct buf *buf, const char *text, size_t length)
{
	size_t start = buf->length;
	int r = 0;

	for (size_t at = 0; at < length && r >= 0;) {
		size_t n = plain_run(text + at, length - at);

		r = buf_add(buf, text + at, n);
		at += n;
		if (r >= 0 && at < length)
			r = escape_one(buf, (unsigned char)text[at++]);
	}
	if (r < 0)
		buf_truncate(buf, start);
	return r;
}

int json_text_escape(struct buf *buf, const char *text, size_t length)
{
	return utf8_is_valid(text, length) ? escape_valid(buf, text, length) : -EINVAL;
}

int json_text_escape_repaired(struct buf *buf, const char *text, size_t length)
{
	auto_buf struct buf repaired = BUF(buf->max);
	int r;

	if (utf8_is_valid(text, length))
		return escape_valid(buf, text, length);
	r = utf8_add_repaired(&repaired, text, length);
	return r < 0 ? r : escape_valid(buf, buf_string(&repaired), repaired.length);
}

int json_text_string(struct buf *buf, const char *text)
{
	size_t start = buf->length;
	int r;

	if (!text)
		return buf_add_string(buf, "null");
	r = buf_add_char(buf, '"');
	if (r >= 0)
		r = json_text_escape(buf, text, strlen(text));
	if (r >= 0)
		r = buf_add_char(buf, '"');
	if (r < 0)
		buf_truncate(buf, start);
	return r;
}
