/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/chunks.h"

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Where word number n (from 0) behind `at` begins; length when there are not so many. */
static size_t word_start(const char *text, size_t length, size_t at, size_t n)
{
	bool inside = false;
	size_t begun = at;

	for (size_t i = at; i < length; i++) {
		bool space = is_space(text[i]), first = (text[i] & 0xc0) != 0x80;

		if ((!space && !inside) || (i - begun >= CHUNK_WORD_BYTES && first)) {
			if (n-- == 0)
				return i;
			begun = i;
		}
		inside = !space;
	}
	return length;
}

bool chunk_next(const char *text, size_t length, size_t start, size_t *ret_length, size_t *ret_next)
{
	size_t end;

	if (word_start(text, length, start, CHUNK_WORDS + CHUNK_REST) == length) {
		*ret_length = length - start;
		return false;
	}
	end = word_start(text, length, start, CHUNK_WORDS);
	*ret_length = end - start;
	*ret_next = word_start(text, length, start, CHUNK_STEP);
	return true;
}
