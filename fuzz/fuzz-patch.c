/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   patch_apply(): old, new and the text, separated by 0x01 bytes.
 * Property a patch that was applied once changed exactly the difference of the lengths; one that
 *          failed says why and made no text.
 * Corpus   fuzz/corpus/patch/
 */
#include "l5-wasm/patch.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct patch *patch, const char *text, size_t length)
{
	struct buf after = BUF(BYTES_MAX), why = BUF(BYTES_MAX);
	struct patch_done done;
	int r = patch_apply(patch, text, length, &after, &done, &why);

	if (r == 0 && !done.crlf &&
	    after.length + done.places * patch->old_length !=
		    length + done.places * patch->new_length)
		abort();
	if (r == 0 && (done.places == 0 || (done.places > 1 && !patch->all)))
		abort();
	if (r < 0 && r != -EMSGSIZE && (after.length > 0 || why.length == 0))
		abort();
	buf_free(&after);
	buf_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *first = memchr(data, 1, size), *second;
	struct patch patch = { 0 };
	size_t left;

	if (!first)
		return 0;
	left = size - (size_t)(first + 1 - data);
	second = memchr(first + 1, 1, left);
	if (!second)
		return 0;
	patch.old_text = (const char *)data;
	patch.old_length = (size_t)(first - data);
	patch.new_text = (const char *)first + 1;
	patch.new_length = (size_t)(second - first - 1);
	left = size - (size_t)(second + 1 - data);
	check(&patch, (const char *)second + 1, left);
	patch.all = true;
	check(&patch, (const char *)second + 1, left);
	return 0;
}
