/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   egress_redact_add(), a server's answer in pieces.
 * Property what is passed on has the length of what came, differs from it in asterisks only, holds
 *          neither the key nor its hexadecimal digits, does not depend on the pieces, and what is
 *          kept back is bounded.
 * Input    first byte: size of the pieces; the high bit: no model's answer.
 * Corpus   fuzz/corpus/egress-redact/
 */
#include "base/buf.h"
#include "l6-agent/egress-redact.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEY "sk-abab/abac+Z"

enum { TEXT_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int r)
{
	if (r < 0)
		abort();
}

static void pass(const struct egress_key *key, bool is_answer, const char *bytes, size_t length,
		 size_t step, struct buf *out)
{
	CLEANUP(egress_redact_free_ptr) struct egress_redact *redact = NULL;

	must(egress_redact_new(key, is_answer, &redact));
	for (size_t at = 0; at < length; at += step) {
		size_t n = length - at < step ? length - at : step;

		must(egress_redact_add(redact, bytes + at, n, out));
		if (at + n - out->length > EGRESS_REDACT_HELD_BYTES_MAX)
			abort();
	}
	must(egress_redact_end(redact, out));
	if (out->length != length)
		abort();
	for (size_t i = 0; i < length; i++)
		if (out->data[i] != bytes[i] && out->data[i] != '*')
			abort();
	if (memmem(buf_string(out), length, KEY, sizeof(KEY) - 1) ||
	    memmem(buf_string(out), length, "736b2d616261622f616261632b5a", 28))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(egress_key_free_ptr) struct egress_key *key = NULL;
	auto_buf struct buf whole = BUF(TEXT_MAX), pieces = BUF(TEXT_MAX);
	const char *bytes = (const char *)data + 1;
	bool is_answer;
	size_t step;

	if (size < 2)
		return 0;
	is_answer = !(data[0] & 0x80);
	step = (data[0] & 0x7F) + 1;
	must(egress_key_new(KEY, &key));
	pass(key, is_answer, bytes, size - 1, size - 1, &whole);
	pass(key, is_answer, bytes, size - 1, step, &pieces);
	if (!is_answer && memcmp(buf_string(&whole), buf_string(&pieces), size - 1) != 0)
		abort();
	return 0;
}
