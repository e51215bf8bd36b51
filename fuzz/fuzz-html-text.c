/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   html_text_convert(), pages from anywhere.
 * Property the result is UTF-8 without control characters but line ends and tabs, is no longer than
 *          its limit, and is cut only when it says so.
 * Corpus   fuzz/corpus/html-text/
 */
#include "base/utf8.h"
#include "l6-agent/html-text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_MAX = 4096, OUT_LARGE = 1 << 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t length)
{
	if (!utf8_is_valid(text, length))
		abort();
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') ||
		    text[i] == 0x7F)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf small = BUF(OUT_MAX), large = BUF(OUT_LARGE);
	bool cut, cut_large;

	if (html_text_convert((const char *)data, size, NULL, &small, &cut) < 0 ||
	    html_text_convert((const char *)data, size, NULL, &large, &cut_large) < 0)
		abort();
	check(buf_string(&small), small.length);
	check(buf_string(&large), large.length);
	if (cut_large || small.length > OUT_MAX || cut != (large.length > OUT_MAX))
		abort();
	if (!cut && strcmp(buf_string(&small), buf_string(&large)) != 0)
		abort();
	buf_free(&small);
	buf_free(&large);
	return 0;
}
