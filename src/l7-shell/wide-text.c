/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/wide-text.h"

#include "base/utf8.h"
#include "l7-shell/glyph.h"

#include <stdlib.h>
#include <string.h>

enum { REPLACEMENT = 0xFFFD };

int wide_from_utf8(const char *text, wchar_t **ret)
{
	size_t length = strlen(text), n = 0;
	wchar_t *wide = calloc(length + 1, sizeof(*wide));

	if (!wide)
		return -ENOMEM;
	for (size_t at = 0; at < length;) {
		uint32_t code = REPLACEMENT;
		size_t step = 1;

		if (glyph_decode(text + at, length - at, &code, &step) != GLYPH_READ)
			step = 1;
		wide[n++] = (wchar_t)code;
		at += step;
	}
	*ret = wide;
	return 0;
}

int wide_to_utf8(const wchar_t *wide, size_t length, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < length && r == 0; i++)
		r = utf8_add_code(out, (unsigned)wide[i]);
	return r;
}
