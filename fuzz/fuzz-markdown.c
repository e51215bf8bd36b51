/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   markdown_feed() behind the sanitiser, as an answer goes to the terminal.
 * Property it never fails, and its only escapes are attributes: ESC [ digits and semicolons m.
 * Corpus   fuzz/corpus/markdown/ (the goldens' sources and findings).
 */
#include "l7-shell/markdown.h"
#include "l7-shell/sanitise.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_BYTES_MAX = 256 << 20, COLUMNS_MAX = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct buf *out)
{
	for (size_t i = 0; i < out->length; i++) {
		unsigned char c = (unsigned char)out->data[i];

		if (c == '\033') {
			if (i + 1 >= out->length || out->data[++i] != '[')
				abort();
			while (++i < out->length && out->data[i] != 'm')
				if (!strchr("0123456789;", out->data[i]))
					abort();
		} else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F) {
			abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF(OUT_BYTES_MAX), out = BUF(OUT_BYTES_MAX);
	struct sanitiser sanitiser = { 0 };
	struct markdown_options options = { 0 };
	struct markdown *markdown;
	size_t piece;

	if (size < 2)
		return 0;
	options.columns = data[0] % COLUMNS_MAX;
	options.attributes = options.colour = data[1] & 1;
	piece = 1 + (data[1] >> 1);
	data += 2;
	size -= 2;
	if (markdown_open(&options, &markdown) < 0)
		abort();
	for (size_t at = 0; at < size; at += piece) {
		buf_truncate(&text, 0);
		if (sanitise_feed(&sanitiser, (const char *)data + at,
				  size - at < piece ? size - at : piece, &text) < 0 ||
		    markdown_feed(markdown, buf_string(&text), text.length, &out) < 0)
			abort();
	}
	if (markdown_end(markdown, &out) < 0)
		abort();
	check(&out);
	markdown_close(markdown);
	buf_free(&text);
	buf_free(&out);
	return 0;
}
