/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-usage - what a provider's answer says it counted, read as it passes (L6).
 *
 * Both protocols, streamed and whole: the member "usage" of an answer, at most one object deep
 * (x_groq, message), so that nothing a model wrote can be taken for it. Of what comes several times
 * the largest counts. Beside it the text of the answer is measured, in case nothing is said.
 *
 * Nothing is kept of the answer: a state of a few bytes, each byte is looked at once.
 *
 * Units      Tokens; text in bytes as they are written in JSON.
 * Source     spec/egress.md, "Budgets".
 * Tests      tests/unit/l6-agent/test-egress-budget.c, fuzz/fuzz-egress-usage.c.
 */
#pragma once

#include "l6-agent/price.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EGRESS_USAGE_KEY_BYTES = 32, EGRESS_USAGE_TOKENS_MAX = 1000000000 };

struct egress_usage {
	/* what was found; 0: nothing */
	uint64_t prompt, cached, read, stored, answer, total;
	uint64_t text_bytes; /* of what the model wrote */

	/* where the reader is */
	unsigned depth, usage_depth; /* usage_depth 0: not inside "usage" */
	bool in_string, is_escaped, is_value, is_text, in_number;
	uint64_t number;
	size_t key_length;
	char key[EGRESS_USAGE_KEY_BYTES]; /* of the member it is in; "" when too long for one of
					     ours */
};

/* A zeroed struct is ready. */
void egress_usage_add(struct egress_usage *usage, const char *bytes, size_t length);

/* True when the provider said what the answer cost. The figures are in *ret. */
bool egress_usage_told(const struct egress_usage *usage, struct price_tokens *ret);
