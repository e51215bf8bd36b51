/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/glyph.h"

#include "base/utf8.h"

#include <assert.h>

static bool is_in(const struct glyph_range *ranges, size_t n, uint32_t code)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (code > ranges[middle].high)
			low = middle + 1;
		else if (code < ranges[middle].low)
			high = middle;
		else
			return true;
	}
	return false;
}

enum glyph_read glyph_decode(const char *at, size_t left, uint32_t *ret_code, size_t *ret_length)
{
	/* what the first byte keeps, by length of the character */
	static const uint8_t kept[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
	size_t length;
	uint32_t code;

	assert(left > 0);
	length = utf8_next(at, left);
	if (length == 0)
		return utf8_is_cut(at, left) ? GLYPH_CUT : GLYPH_MALFORMED;
	code = (uint8_t)at[0] & kept[length];
	for (size_t i = 1; i < length; i++)
		code = code << 6 | ((uint8_t)at[i] & 0x3F);
	*ret_code = code;
	*ret_length = length;
	return GLYPH_READ;
}

bool glyph_is_unseen(uint32_t code)
{
	return code >= 0x80 && is_in(glyph_unseen, glyph_unseen_count, code);
}

bool glyph_is_mark(uint32_t code)
{
	return code >= 0x300 && is_in(glyph_zero, glyph_zero_count, code);
}

unsigned glyph_width(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7F && code < 0xA0))
		return 0;
	if (code < 0x300)
		return 1;
	if (glyph_is_unseen(code) || is_in(glyph_zero, glyph_zero_count, code))
		return 0;
	return is_in(glyph_wide, glyph_wide_count, code) ? 2 : 1;
}

/* Bytes and columns of the character at the front. */
static size_t step(const char *at, size_t left, unsigned *ret_width)
{
	uint32_t code;
	size_t length;

	if (glyph_decode(at, left, &code, &length) != GLYPH_READ) {
		*ret_width = 1;
		return 1;
	}
	*ret_width = glyph_width(code);
	return length;
}

size_t glyph_text_width(const char *text, size_t length)
{
	size_t columns = 0;
	unsigned width;

	for (size_t i = 0; i < length; columns += width)
		i += step(text + i, length - i, &width);
	return columns;
}

size_t glyph_fit(const char *text, size_t length, size_t columns)
{
	size_t at = 0, used = 0;

	while (at < length) {
		unsigned width;
		size_t n = step(text + at, length - at, &width);

		if (used + width > columns)
			break;
		used += width;
		at += n;
	}
	return at;
}
