/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-run - one call of the model, done in steps small enough to be stopped between (L6).
 *
 * Steps: take over what the context shares with the call before; restore the prefix when its state
 * is kept; compute the rest of the prompt a batch at a time, keeping the prefix's state when it is
 * new; then one token per step. Greedy, so the same call gives the same text.
 *
 * Ownership  The caller owns the run; weights are borrowed and used by one run at a time. A run may
 *            be put aside: the next step of any run looks at what the context holds.
 * Errors     -EINVAL prompt or grammar, -EMSGSIZE prompt over the context, -ECANCELED, -EIO.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "l6-agent/llm-weights.h"

#include <stdbool.h>

enum {
	LLM_ANSWER_TOKENS_MIN = 64, /* a prompt that leaves less room is refused */
	LLM_PREFIX_TOKENS_MIN = 32, /* a shorter prefix is computed faster than kept */
};

struct llm_run;
struct llm_store;

struct llm_run_options {
	const char *prompt; /* bytes with marks; read only by llm_run_new */
	size_t length, prefix_length;
	const char *grammar;      /* NULL: none */
	size_t max_tokens;        /* 0: only compute and keep the prefix */
	const char *const *stops; /* borrowed until the run is freed */
	size_t n_stops;
	const struct llm_store *store; /* of kept states; borrowed until the run is freed */
	size_t *ret_prompt_tokens;     /* also when they are too many */
};

must_check int llm_run_new(struct llm_weights *weights, const struct llm_run_options *options,
			   struct llm_run **ret, struct error *err);
void llm_run_free(struct llm_run *run);

enum llm_run_state {
	LLM_RUN_READING, /* more of the prompt to compute */
	LLM_RUN_WRITING, /* the answer grows */
	LLM_RUN_ENDED,   /* by the model, the grammar or a stop string */
	LLM_RUN_CUT,     /* by max_tokens, the context's end, or because it turned in circles */
};

/* One step; new text is appended to text. */
must_check int llm_run_step(struct llm_run *run, struct buf *text, enum llm_run_state *ret,
			    struct error *err);

/* Tokens of the prompt that the context holds by now. */
size_t llm_run_read(const struct llm_run *run);

struct llm_run_figures {
	size_t prompt_tokens, cached_tokens, answer_tokens, prefix_tokens;
	bool prefix_was_kept;    /* nothing of the prefix had to be computed */
	const char *keep_failed; /* why its state was not kept; NULL when it was */
};
struct llm_run_figures llm_run_figures(const struct llm_run *run);
