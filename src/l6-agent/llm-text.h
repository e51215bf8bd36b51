/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-text - from the bytes of a prompt to the tokens of the model (L6).
 *
 * Control tokens come from the four marks of local-marks.h and from nowhere else: everything
 * between marks is tokenised as plain text, whatever it spells.
 *
 * Ownership  Styles are static. Token arrays given back are the caller's to free.
 * Errors     -EINVAL for bytes that are no prompt, -EMSGSIZE over max tokens, -ENOMEM.
 * Source     spec/local-model.md section 1, spec/tables/model-styles.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

#include <llama.h>

/* How one family of models writes turns; a row of spec/tables/model-styles. */
struct llm_style {
	const char *name;
	/* with the model's control tokens spelled out */
	const char *system_begins, *user_begins, *assistant_begins, *ends;
};

extern const struct llm_style llm_style_table[];
extern const size_t llm_style_count;

/* The first style all of whose control tokens are control tokens of this vocabulary. */
must_check int llm_style_find(const struct llama_vocab *vocab, const struct llm_style **ret,
			      struct error *err);

struct llm_tokens {
	llama_token *tokens;
	size_t n, max;
};
#define LLM_TOKENS(max_) ((struct llm_tokens){ .max = (max_) })
void llm_tokens_free(struct llm_tokens *tokens);

/*
 * Appends the tokens of a piece of prompt. A prompt is always cut at the same places, so equal
 * bytes give equal tokens; first: the piece is the front of the prompt (some models want a mark
 * there).
 */
must_check int llm_text_tokens(const struct llama_vocab *vocab, const struct llm_style *style,
			       const char *text, size_t length, bool first, struct llm_tokens *ret,
			       struct error *err);
