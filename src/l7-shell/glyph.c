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

enum {
	ZERO_WIDTH_NON_JOINER = 0x200C,
	ZERO_WIDTH_JOINER = 0x200D,
	SELECTOR_FIRST = 0xFE00,
	SELECTOR_EMOJI = 0xFE0F,
	FLAG_FIRST = 0x1F1E6,
	FLAG_LAST = 0x1F1FF,
	SKIN_FIRST = 0x1F3FB,
	SKIN_LAST = 0x1F3FF,
	TAG_FIRST = 0xE0020,
	TAG_LAST = 0xE007F,
	SYMBOL_FIRST = 0x2190,
	SYMBOL_LAST = 0x2BFF,
	EMOJI_FIRST = 0x1F000,
	EMOJI_LAST = 0x1FAFF,
};

static bool is_flag(uint32_t code)
{
	return code >= FLAG_FIRST && code <= FLAG_LAST;
}

static bool is_pictograph(uint32_t code)
{
	return (code >= SYMBOL_FIRST && code <= SYMBOL_LAST) ||
	       (code >= EMOJI_FIRST && code <= EMOJI_LAST);
}

/* True when the character belongs to whatever stands in front of it. */
static bool extends(uint32_t code)
{
	return glyph_is_mark(code) || is_in(glyph_spacing, glyph_spacing_count, code) ||
	       code == ZERO_WIDTH_JOINER || code == ZERO_WIDTH_NON_JOINER ||
	       (code >= SELECTOR_FIRST && code <= SELECTOR_EMOJI) ||
	       (code >= SKIN_FIRST && code <= SKIN_LAST) || (code >= TAG_FIRST && code <= TAG_LAST);
}

size_t glyph_cluster(const char *at, size_t left, unsigned *ret_columns)
{
	uint32_t code = 0, before;
	size_t length, n;
	unsigned flags;

	if (glyph_decode(at, left, &code, &length) != GLYPH_READ) {
		*ret_columns = 1;
		return 1;
	}
	*ret_columns = glyph_width(code);
	if (code < ' ')
		return length;
	before = code;
	flags = is_flag(code);
	for (; length < left; length += n) {
		bool joins;

		if (glyph_decode(at + length, left - length, &code, &n) != GLYPH_READ)
			break;
		joins = (before == ZERO_WIDTH_JOINER && is_pictograph(code)) ||
			(flags == 1 && is_flag(code));
		if (!joins && !extends(code))
			break;
		flags = flags == 1 && is_flag(code) ? 2 : flags;
		*ret_columns += glyph_width(code);
		if (code == SELECTOR_EMOJI && *ret_columns == 1)
			*ret_columns = 2; /* a symbol shown as an emoji */
		before = code;
	}
	return length;
}

bool glyph_is_joiner(uint32_t code)
{
	return code == ZERO_WIDTH_JOINER || code == ZERO_WIDTH_NON_JOINER ||
	       code == SELECTOR_EMOJI - 1 || code == SELECTOR_EMOJI;
}

size_t glyph_before(const char *text, size_t length)
{
	size_t before = 0;
	unsigned columns;

	for (size_t at = 0; at < length; at += glyph_cluster(text + at, length - at, &columns))
		before = at;
	return before;
}

size_t glyph_fit(const char *text, size_t length, size_t columns)
{
	size_t at = 0, used = 0;

	while (at < length) {
		unsigned width;
		size_t n = glyph_cluster(text + at, length - at, &width);

		if (used + width > columns)
			break;
		used += width;
		at += n;
	}
	return at;
}
