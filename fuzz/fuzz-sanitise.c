/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   sanitise_feed(): everything a model, tool or file says passes it on its way to a
 * terminal. Property what comes out is UTF-8 of characters that are seen, newline and tab; it does
 * not depend on how the input was cut; sanitising it again changes nothing but what looks like a
 * joiner. Corpus   fuzz/corpus/sanitise/.
 */
#include "l7-shell/glyph.h"
#include "l7-shell/sanitise.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_BYTES_MAX = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct buf *out)
{
	for (size_t at = 0; at < out->length;) {
		uint32_t code;
		size_t length;

		if (glyph_decode(out->data + at, out->length - at, &code, &length) != GLYPH_READ)
			abort();
		if (code < 0x20 && code != '\n' && code != '\t')
			abort();
		if (code >= 0x7F && code < 0xA0)
			abort();
		/* joiners and the two selectors only behind something they shape */
		if (glyph_is_unseen(code) && (at == 0 || (code != 0x200C && code != 0x200D &&
							  code != 0xFE0E && code != 0xFE0F)))
			abort();
		at += length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF(OUT_BYTES_MAX), pieces = BUF(OUT_BYTES_MAX);
	struct sanitiser sanitiser = { 0 };
	size_t piece;

	if (size == 0)
		return 0;
	piece = 1 + data[0] % 7;
	data++;
	size--;
	if (sanitise_text((const char *)data, size, 0, &whole) < 0)
		abort();
	check(&whole);
	for (size_t at = 0; at < size; at += piece)
		if (sanitise_feed(&sanitiser, (const char *)data + at,
				  size - at < piece ? size - at : piece, &pieces) < 0)
			abort();
	if (sanitise_end(&sanitiser, &pieces) < 0)
		abort();
	if (whole.length != pieces.length ||
	    memcmp(buf_string(&whole), buf_string(&pieces), whole.length) != 0)
		abort();
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
