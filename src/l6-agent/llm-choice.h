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

enum { LLM_BYTE_VALUES = 256 };

/* The token of each single byte, LLAMA_TOKEN_NULL where the vocabulary has none. */
struct llm_bytes {
	llama_token tokens[LLM_BYTE_VALUES];
};
void llm_bytes_find(const struct llama_vocab *vocab, struct llm_bytes *ret);

/* grammar: GBNF with the rule "root", or NULL. bytes is borrowed like the vocabulary. */
must_check int llm_choice_new(const struct llama_vocab *vocab, const struct llm_bytes *bytes,
			      const char *grammar, struct llm_choice **ret, struct error *err);
void llm_choice_free(struct llm_choice *choice);

/* The next token, already counted as taken; -EIO when the grammar allows none. */
must_check int llm_choice_take(struct llm_choice *choice, const float *logits, llama_token *ret,
			       struct error *err);

/*
 * The bytes that have to come next because the grammar leaves no other, at most max; their number.
 * Computing them as part of a batch costs a third of choosing them one by one.
 */
size_t llm_choice_forced(struct llm_choice *choice, char *bytes, size_t max);

/* Counts a token as taken that was not chosen: the beginning of what is forced. */
void llm_choice_accept(struct llm_choice *choice, llama_token token);

/* True when the grammar allows nothing more than the end. */
bool llm_choice_is_complete(struct llm_choice *choice);
