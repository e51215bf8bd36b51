/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-weights - the loaded model with its one context: what claw-llmd keeps between calls (L6).
 *
 * The context holds one sequence of tokens. A call keeps what it shares with the call before and
 * replaces the rest, so nothing is computed twice while a conversation grows.
 *
 * Ownership  The caller owns the weights; accessors borrow.
 * Errors     -ECANCELED when go_on said no; -EINVAL for a file that is no usable model; -ENOENT,
 *            -EIO, -ENOMEM as they come.
 * Threads    None of ours; llama.cpp's own when threads is more than one.
 */
#pragma once

#include "base/error.h"
#include "base/sha256.h"
#include "l6-agent/llm-file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <llama.h>

struct llm_weights;
struct llm_bytes;
struct llm_style;

struct llm_weights_options {
	const char *path;
	const struct llm_file *file; /* what path holds, llm_file_identify() */
	uint32_t context_tokens, batch_tokens;
	uint32_t threads; /* at most, for reading a prompt */
	/* Asked between small pieces of work, also inside a batch; false stops it. */
	bool (*go_on)(void *data);
	void *data;
};

must_check int llm_weights_open(const struct llm_weights_options *options, struct llm_weights **ret,
				struct error *err);
void llm_weights_close(struct llm_weights *weights); /* NULL-tolerant */

const struct llama_vocab *llm_weights_vocab(const struct llm_weights *weights);
/* Borrowed, for saving and restoring its sequence 0; who changes it says so with now_holds. */
struct llama_context *llm_weights_context(struct llm_weights *weights);
const struct llm_style *llm_weights_style(const struct llm_weights *weights);
const struct llm_bytes *llm_weights_bytes(const struct llm_weights *weights);
uint32_t llm_weights_context_tokens(const struct llm_weights *weights);
uint32_t llm_weights_batch_tokens(const struct llm_weights *weights);
const char *llm_weights_description(const struct llm_weights *weights);
const uint8_t *llm_weights_id(const struct llm_weights *weights);

/* SHA-256 over the file's, engine version and number formats: what a kept state depends on beside
 * its prefix. Needs no loaded weights. */
void llm_weights_identify(const struct llm_file *file, uint8_t ret_id[SHA256_BYTES]);

/* How many of these tokens the context holds already, from the front. */
size_t llm_weights_shared(const struct llm_weights *weights, const llama_token *tokens, size_t n);

/* Forgets all but the first n tokens; returns how many are held now (0 when the model cannot). */
size_t llm_weights_rewind(struct llm_weights *weights, size_t n);

/* Computes n more tokens; on failure the context holds what it held before. */
must_check int llm_weights_feed(struct llm_weights *weights, const llama_token *tokens, size_t n,
				bool want_logits, struct error *err);

/* The logits after the last token fed with want_logits; one per token of the vocabulary. */
const float *llm_weights_logits(struct llm_weights *weights);

/* The context was filled from outside (a kept state) with exactly these tokens. */
void llm_weights_now_holds(struct llm_weights *weights, const llama_token *tokens, size_t n);
const llama_token *llm_weights_tokens(const struct llm_weights *weights); /* what is held */
size_t llm_weights_held(const struct llm_weights *weights);
