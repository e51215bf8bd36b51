/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   egress_usage_add(), a provider's answer in pieces.
 * Property what is found does not depend on the pieces, is bounded, and an answer without the word
 *          "usage" says nothing.
 * Input    first byte: size of the pieces.
 * Corpus   fuzz/corpus/egress-usage/
 */
#include "l6-agent/egress-usage.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	struct egress_usage whole = { 0 }, pieces = { 0 };
	struct price_tokens a, b;
	size_t step;
	bool told;

	if (size < 2)
		return 0;
	step = (size_t)data[0] + 1;
	egress_usage_add(&whole, bytes, size - 1);
	for (size_t at = 0; at < size - 1; at += step)
		egress_usage_add(&pieces, bytes + at, size - 1 - at < step ? size - 1 - at : step);
	told = egress_usage_told(&whole, &a);
	if (told != egress_usage_told(&pieces, &b) || memcmp(&a, &b, sizeof(a)) != 0 ||
	    whole.text_bytes != pieces.text_bytes || whole.text_bytes > size)
		abort();
	if (a.prompt > 3ULL * EGRESS_USAGE_TOKENS_MAX || a.answer > EGRESS_USAGE_TOKENS_MAX)
		abort();
	if (told && !memmem(bytes, size - 1, "usage", 5))
		abort();
	return 0;
}
