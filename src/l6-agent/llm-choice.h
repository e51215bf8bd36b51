/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-choice - which token comes next: the likeliest one the grammar allows (L6).
 *
 * Greedy: same input, same output. Without a grammar every token is allowed. The likeliest token is
 * tried first; only when the grammar refuses it are the next ones looked at.
 *
 * Ownership  The caller owns the choice; the vocabulary is borrowed and must outlive it.
 * Errors     -EINVAL for a grammar that cannot be read, -ENOMEM.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

#include <llama.h>

struct llm_choice;

/* grammar: GBNF with the rule "root", or NULL. */
must_check int llm_choice_new(const struct llama_vocab *vocab, const char *grammar,
			      struct llm_choice **ret, struct error *err);
void llm_choice_free(struct llm_choice *choice);

/* The next token, already counted as taken; -EIO when the grammar allows none. */
must_check int llm_choice_take(struct llm_choice *choice, const float *logits, llama_token *ret,
			       struct error *err);

/* True when the grammar allows nothing more than the end. */
bool llm_choice_is_complete(struct llm_choice *choice);
