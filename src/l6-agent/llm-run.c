/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-run.h"

#include "base/cleanup.h"
#include "l6-agent/llm-choice.h"
#include "l6-agent/llm-out.h"
#include "l6-agent/llm-state.h"
#include "l6-agent/llm-text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	PIECE_BYTES = 256,
	OUT_BYTES_MAX = 4096,
	FORCED_BYTES_MAX = 48, /* their tokens fit into one batch */
	FORCED_TOKENS_MIN = 3,
	COUNT_LIMITS = 4,
	CIRCLE_TOKENS = 128, /* this much exact repetition ends an answer */
	CIRCLE_PERIOD_MAX = 16,
};

struct llm_run {
	struct llm_weights *weights;
	struct llm_choice *choice;
	struct llm_out out;
	struct llm_tokens tokens; /* prompt, then answer */
	size_t n_prompt, n_prefix, n_cached, max_tokens;
	bool started, prefix_was_kept;
	bool must_keep; /* what is kept somewhere is of no use */
	const struct llm_store *store;
	uint8_t key[SHA256_BYTES];
	struct error keep_error;
};

static int tokenise(struct llm_run *run, const struct llm_run_options *options, struct error *err)
{
	const struct llama_vocab *vocab = llm_weights_vocab(run->weights);
	const struct llm_style *style = llm_weights_style(run->weights);
	size_t limit = llm_weights_context_tokens(run->weights), rest = options->max_tokens;
	int r;

	if (rest > LLM_ANSWER_TOKENS_MIN)
		rest = LLM_ANSWER_TOKENS_MIN;
	run->tokens =
		LLM_TOKENS(limit * COUNT_LIMITS); /* so that an error can say how long it is */
	r = llm_text_tokens(vocab, style, options->prompt, options->prefix_length, true,
			    &run->tokens, err);
	run->n_prefix = run->tokens.n;
	if (r >= 0)
		r = llm_text_tokens(vocab, style, options->prompt + options->prefix_length,
				    options->length - options->prefix_length,
				    options->prefix_length == 0, &run->tokens, err);
	run->n_prompt = run->tokens.n;
	*options->ret_prompt_tokens = run->n_prompt;
	if (r >= 0 && run->n_prompt > limit - rest)
		r = FAIL(err, -EMSGSIZE, "the prompt has %zu tokens, at most %zu fit",
			 run->n_prompt, limit - rest);
	if (r >= 0 && run->n_prompt == 0)
		r = FAIL(err, -EINVAL, "the prompt is empty");
	return r;
}

int llm_run_new(struct llm_weights *weights, const struct llm_run_options *options,
		struct llm_run **ret, struct error *err)
{
	struct llm_run *run = calloc(1, sizeof(*run));
	int r;

	assert(options->prefix_length <= options->length);
	if (!run)
		return FAIL(err, -ENOMEM, "out of memory");
	run->weights = weights;
	run->max_tokens = options->max_tokens;
	run->store = options->store;
	run->out = (struct llm_out){ .stops = options->stops,
				     .n_stops = options->n_stops,
				     .held = BUF(OUT_BYTES_MAX) };
	r = tokenise(run, options, err);
	if (r >= 0)
		r = llm_choice_new(llm_weights_vocab(weights), llm_weights_bytes(weights),
				   options->grammar, &run->choice, err);
	if (r < 0) {
		llm_run_free(run);
		return r;
	}
	if (run->n_prefix < LLM_PREFIX_TOKENS_MIN)
		run->n_prefix = 0;
	llm_state_key(llm_weights_id(weights), options->prompt, options->prefix_length, run->key);
	*ret = run;
	return 0;
}

void llm_run_free(struct llm_run *run)
{
	if (!run)
		return;
	llm_choice_free(run->choice);
	llm_tokens_free(&run->tokens);
	buf_free(&run->out.held);
	free(run);
}

/* Makes the context agree with the front of the tokens, from memory or from disk. */
static int start(struct llm_run *run, struct error *err)
{
	size_t shared = llm_weights_shared(run->weights, run->tokens.tokens, run->n_prompt);
	enum llm_state_found found = LLM_STATE_ABSENT;
	bool kept = run->n_prefix > 0 && llm_state_is_kept(run->store, run->key) > 0;
	int r = 0;

	if (kept && shared < run->n_prefix) {
		r = llm_state_restore(run->store, run->key, run->weights, run->tokens.tokens,
				      run->n_prefix, &found, err);
		kept = found == LLM_STATE_RESTORED;
		run->must_keep = !kept;
		shared = llm_weights_shared(run->weights, run->tokens.tokens, run->n_prompt);
	}
	if (r < 0)
		return r;
	if (!kept && shared > run->n_prefix && run->n_prefix > 0)
		shared = run->n_prefix; /* back to the prefix, to keep its state now */
	if (shared == run->n_prompt && run->max_tokens > 0)
		shared--; /* the last token is computed again for its logits */
	run->n_cached = llm_weights_rewind(run->weights, shared);
	run->prefix_was_kept = run->n_prefix > 0 && run->n_cached >= run->n_prefix && kept;
	run->started = true;
	return 0;
}

/* A state that cannot be kept costs time at the next start, not the answer: the error is kept. */
static void keep_prefix(struct llm_run *run)
{
	bool due = run->n_prefix > 0 && llm_weights_held(run->weights) == run->n_prefix &&
		   !run->keep_error.code &&
		   (run->must_keep || llm_state_is_kept(run->store, run->key) == 0);

	if (due && llm_state_keep(run->store, run->key, run->weights, &run->keep_error) < 0)
		assert(run->keep_error.code < 0);
	if (due)
		run->must_keep = false;
}

static int read_batch(struct llm_run *run, struct error *err)
{
	size_t held = llm_weights_held(run->weights), n = run->n_prompt - held;

	if (held < run->n_prefix && n > run->n_prefix - held)
		n = run->n_prefix - held; /* stop where the state is to be kept */
	if (n > llm_weights_batch_tokens(run->weights))
		n = llm_weights_batch_tokens(run->weights);
	return llm_weights_feed(run->weights, run->tokens.tokens + held, n,
				held + n == run->n_prompt && run->max_tokens > 0, err);
}

/* What the answer has so far: a token, or all of it when the run had been put aside. */
static int read_answer(struct llm_run *run, struct error *err)
{
	size_t held = llm_weights_held(run->weights), n = run->tokens.n - held;
	size_t most = llm_weights_batch_tokens(run->weights);

	return llm_weights_feed(run->weights, run->tokens.tokens + held, n < most ? n : most,
				n <= most, err);
}

/* An answer whose end only repeats itself will not end by itself. */
static bool turns_in_circles(const struct llm_run *run)
{
	const llama_token *end = run->tokens.tokens + run->tokens.n;

	if (run->tokens.n - run->n_prompt < CIRCLE_TOKENS)
		return false;
	for (size_t period = 1; period <= CIRCLE_PERIOD_MAX; period++) {
		size_t same = 0;

		while (same < CIRCLE_TOKENS - period &&
		       end[-1 - (ptrdiff_t)same] == end[-1 - (ptrdiff_t)(same + period)])
			same++;
		if (same == CIRCLE_TOKENS - period)
			return true;
	}
	return false;
}

static int end_text(struct llm_run *run, struct buf *text, struct error *err)
{
	int r = llm_out_end(&run->out, text);

	return r < 0 ? FAIL(err, r, "the answer's text cannot be kept") : 0;
}

static int pass_token(struct llm_run *run, llama_token token, struct buf *text, struct error *err)
{
	char piece[PIECE_BYTES];
	int r, n = llama_token_to_piece(llm_weights_vocab(run->weights), token, piece,
					sizeof(piece), 0, false);

	if (n < 0)
		return FAIL(err, -EIO, "a token of %d bytes", -n);
	r = llm_out_add(&run->out, piece, (size_t)n, text);
	if (r < 0)
		return FAIL(err, r, "the answer's text cannot be kept");
	run->tokens.tokens[run->tokens.n++] = token;
	return 0;
}

static bool is_full(const struct llm_run *run, size_t more)
{
	return run->tokens.n + more - run->n_prompt >= run->max_tokens ||
	       run->tokens.n + more >= llm_weights_context_tokens(run->weights);
}

/*
 * Takes what the grammar forces without asking the model. The last token is left to the model: it
 * may want to join it with what it writes next.
 */
static int pass_forced(struct llm_run *run, struct buf *text, struct error *err)
{
	llama_token tokens[FORCED_BYTES_MAX];
	char bytes[FORCED_BYTES_MAX];
	size_t length = llm_choice_forced(run->choice, bytes, sizeof(bytes));
	int r = 0, n = llama_tokenize(llm_weights_vocab(run->weights), bytes, (int32_t)length,
				      tokens, FORCED_BYTES_MAX, false, false);

	if (n < FORCED_TOKENS_MIN || is_full(run, (size_t)n))
		return 0;
	for (int i = 0; i < n - 1 && r >= 0; i++) {
		llm_choice_accept(run->choice, tokens[i]);
		r = pass_token(run, tokens[i], text, err);
	}
	return r;
}

/* Chooses a token and passes its text on; *ret says whether another has to follow. */
static int write_token(struct llm_run *run, struct buf *text, enum llm_run_state *ret,
		       struct error *err)
{
	llama_token token;
	int r = llm_choice_take(run->choice, llm_weights_logits(run->weights), &token, err);

	*ret = LLM_RUN_ENDED;
	if (r < 0 || llama_vocab_is_eog(llm_weights_vocab(run->weights), token))
		return r < 0 ? r : end_text(run, text, err);
	r = pass_token(run, token, text, err);
	if (r < 0)
		return r;
	if (run->out.stopped || llm_choice_is_complete(run->choice))
		return end_text(run, text, err);
	*ret = LLM_RUN_CUT;
	if (is_full(run, 0) || turns_in_circles(run))
		return end_text(run, text, err);
	*ret = LLM_RUN_WRITING;
	return pass_forced(run, text, err);
}

int llm_run_step(struct llm_run *run, struct buf *text, enum llm_run_state *ret, struct error *err)
{
	size_t held, n_tokens = run->tokens.n;
	int r;

	if (!run->started || llm_weights_shared(run->weights, run->tokens.tokens, n_tokens) <
				     llm_weights_held(run->weights)) {
		r = start(run, err);
		if (r < 0)
			return r;
		keep_prefix(run);
	}
	held = llm_weights_held(run->weights);
	if (held < run->n_prompt) {
		r = read_batch(run, err);
		keep_prefix(run);
		*ret = llm_weights_held(run->weights) < run->n_prompt || run->max_tokens > 0
			       ? LLM_RUN_READING
			       : LLM_RUN_ENDED;
		return r;
	}
	if (run->max_tokens == 0) {
		keep_prefix(run);
		*ret = LLM_RUN_ENDED;
		return 0;
	}
	if (held < n_tokens) {
		r = read_answer(run, err);
		*ret = LLM_RUN_WRITING;
		if (r < 0 || llm_weights_held(run->weights) < n_tokens)
			return r;
	}
	return write_token(run, text, ret, err);
}

size_t llm_run_read(const struct llm_run *run)
{
	size_t held = llm_weights_held(run->weights);

	return held < run->n_prompt ? held : run->n_prompt;
}

struct llm_run_figures llm_run_figures(const struct llm_run *run)
{
	return (struct llm_run_figures){
		.prompt_tokens = run->n_prompt,
		.cached_tokens = run->n_cached,
		.answer_tokens = run->tokens.n - run->n_prompt,
		.prefix_tokens = run->n_prefix,
		.prefix_was_kept = run->prefix_was_kept,
		.keep_failed = run->keep_error.code ? run->keep_error.text : NULL,
	};
}
