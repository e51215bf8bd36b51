/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-body - what a request to a provider may ask for, so that its cost has a bound (L6).
 *
 * claw-agentd writes the body; a word of it that chooses a dearer model, several answers, or
 * something that is paid for apart (a search of the provider's own, a faster class of service)
 * would make the price table a lie. So the members of the body are a closed list, each at most
 * once, the model is the configured one, and tools are functions of ours.
 *
 * The text is well-formed JSON or the provider refuses it; it is not taken apart further than this.
 *
 * Errors     -EINVAL with a sentence.
 * Source     spec/egress.md, "Budgets"; RFC 8259.
 * Tests      tests/unit/l6-agent/test-egress-budget.c (tests/data/egress-body.cases),
 *            fuzz/fuzz-egress-body.c.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* model NULL: any one. *ret_answer_tokens: what the body lets an answer have; 0: it does not say.
 */
must_check int egress_body_check(const char *body, size_t length, const char *model,
				 uint64_t *ret_answer_tokens, struct error *err);
