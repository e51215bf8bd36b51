/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-weights.h"

#include "base/clock.h"
#include "l6-agent/llm-choice.h"
#include "l6-agent/llm-pace.h"
#include "l6-agent/llm-text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <llama-build.h>

enum { ABORTED = 2, PACED_TOKENS_MIN = 16, REASON_BYTES = 160, DESCRIPTION_BYTES = 96 };

struct llm_weights {
	struct llama_model *model;
	struct llama_context *context;
	struct llama_batch batch;
	const struct llm_style *style;
	struct llm_bytes bytes;
	llama_token *held; /* what sequence 0 of the context holds */
	size_t n_held;
	uint32_t context_tokens, batch_tokens;
	struct llm_pace pace;
	bool is_paced, is_too_slow; /* a prompt is being read; it has to be done by fewer threads */
	bool (*go_on)(void *data);
	void *data;
	char reason[REASON_BYTES]; /* the last complaint of the library */
	char description[DESCRIPTION_BYTES];
	uint8_t id[SHA256_BYTES];
};

static void on_library_log(enum ggml_log_level level, const char *text, void *data)
{
	struct llm_weights *weights = data;
	size_t n = strcspn(text, "\n");

	if (level != GGML_LOG_LEVEL_ERROR || n == 0)
		return;
	if (n >= sizeof(weights->reason))
		n = sizeof(weights->reason) - 1;
	memcpy(weights->reason, text, n);
	weights->reason[n] = '\0';
}

static void drop_library_log(enum ggml_log_level level, const char *text, void *data)
{
	(void)level;
	(void)text;
	(void)data;
}

static bool on_progress(float done, void *data)
{
	const struct llm_weights *weights = data;

	(void)done;
	return weights->go_on(weights->data);
}

static bool on_abort_asked(void *data)
{
	struct llm_weights *weights = data;

	weights->is_too_slow = weights->is_paced &&
			       !llm_pace_look(&weights->pace, clock_monotonic_us(), clock_cpu_us());
	return weights->is_too_slow || !weights->go_on(weights->data);
}

void llm_weights_identify(const struct llm_file *file, uint8_t ret_id[SHA256_BYTES])
{
	static const char formats[] = LLAMA_SOURCE " f16 f16";
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, formats, sizeof(formats));
	sha256_add(&hash, file->sha256, sizeof(file->sha256));
	sha256_end(&hash, ret_id);
}

static int load_model(struct llm_weights *weights, const char *path, struct error *err)
{
	struct llama_model_params params = llama_model_default_params();

	params.progress_callback = on_progress;
	params.progress_callback_user_data = weights;
	params.load_mode = LLAMA_LOAD_MODE_MMAP;
	weights->model = llama_model_load_from_file(path, params);
	if (!weights->model && !weights->go_on(weights->data))
		return FAIL(err, -ECANCELED, "loading was cancelled");
	if (!weights->model)
		return FAIL(err, -EINVAL, "model file cannot be used: %s",
			    weights->reason[0] ? weights->reason : "unknown format");
	if (!llama_model_has_decoder(weights->model) || llama_model_has_encoder(weights->model))
		return FAIL(err, -EINVAL, "the model file holds no model that continues text");
	(void)llama_model_desc(weights->model, weights->description, sizeof(weights->description));
	return 0;
}

static int make_context(struct llm_weights *weights, const struct llm_weights_options *options,
			struct error *err)
{
	struct llama_context_params params = llama_context_default_params();
	int trained = llama_model_n_ctx_train(weights->model);

	params.n_ctx = options->context_tokens;
	if (trained > 0 && (uint32_t)trained < params.n_ctx)
		params.n_ctx = (uint32_t)trained;
	params.n_batch = options->batch_tokens;
	params.n_ubatch = options->batch_tokens;
	params.n_seq_max = 1;
	params.n_threads = 1;
	params.n_threads_batch = 1;
	params.abort_callback = on_abort_asked;
	params.abort_callback_data = weights;
	params.swa_full = true; /* only then can a sequence be cut back to a shared prefix */
	params.no_perf = true;
	weights->context = llama_init_from_model(weights->model, params);
	if (!weights->context)
		return FAIL(err, -ENOMEM, "no memory for a context of %u tokens: %s", params.n_ctx,
			    weights->reason);
	weights->context_tokens = llama_n_ctx(weights->context);
	weights->batch_tokens = options->batch_tokens;
	weights->batch = llama_batch_init((int32_t)options->batch_tokens, 0, 1);
	weights->held = calloc(weights->context_tokens, sizeof(weights->held[0]));
	if (!weights->batch.token || !weights->held)
		return FAIL(err, -ENOMEM, "out of memory");
	return 0;
}

int llm_weights_open(const struct llm_weights_options *options, struct llm_weights **ret,
		     struct error *err)
{
	struct llm_weights *weights = calloc(1, sizeof(*weights));
	int r;

	assert(options->context_tokens > 0 && options->batch_tokens > 0 && options->threads > 0);
	if (!weights)
		return FAIL(err, -ENOMEM, "out of memory");
	llm_pace_init(&weights->pace, options->threads);
	weights->go_on = options->go_on;
	weights->data = options->data;
	llama_log_set(on_library_log, weights);
	llama_backend_init();
	llm_weights_identify(options->file, weights->id);
	r = load_model(weights, options->path, err);
	if (r >= 0)
		r = make_context(weights, options, err);
	if (r >= 0)
		r = llm_style_find(llama_model_get_vocab(weights->model), &weights->style, err);
	if (r >= 0)
		llm_bytes_find(llama_model_get_vocab(weights->model), &weights->bytes);
	llama_log_set(drop_library_log, NULL);
	if (r < 0) {
		llm_weights_close(weights);
		return r;
	}
	*ret = weights;
	return 0;
}

void llm_weights_close(struct llm_weights *weights)
{
	if (!weights)
		return;
	if (weights->batch.token)
		llama_batch_free(weights->batch);
	free(weights->held);
	if (weights->context)
		llama_free(weights->context);
	if (weights->model)
		llama_model_free(weights->model);
	free(weights);
}

const struct llama_vocab *llm_weights_vocab(const struct llm_weights *weights)
{
	return llama_model_get_vocab(weights->model);
}

struct llama_context *llm_weights_context(struct llm_weights *weights)
{
	return weights->context;
}

const struct llm_style *llm_weights_style(const struct llm_weights *weights)
{
	return weights->style;
}

const struct llm_bytes *llm_weights_bytes(const struct llm_weights *weights)
{
	return &weights->bytes;
}

uint32_t llm_weights_context_tokens(const struct llm_weights *weights)
{
	return weights->context_tokens;
}

uint32_t llm_weights_batch_tokens(const struct llm_weights *weights)
{
	return weights->batch_tokens;
}

const char *llm_weights_description(const struct llm_weights *weights)
{
	return weights->description;
}

const uint8_t *llm_weights_id(const struct llm_weights *weights)
{
	return weights->id;
}

size_t llm_weights_shared(const struct llm_weights *weights, const llama_token *tokens, size_t n)
{
	size_t i = 0;

	while (i < n && i < weights->n_held && tokens[i] == weights->held[i])
		i++;
	return i;
}

size_t llm_weights_rewind(struct llm_weights *weights, size_t n)
{
	llama_memory_t memory = llama_get_memory(weights->context);

	if (n >= weights->n_held)
		return weights->n_held;
	if (n == 0 || !llama_memory_seq_rm(memory, 0, (llama_pos)n, -1)) {
		llama_memory_clear(memory, false); /* recurrent models cannot be cut back */
		n = 0;
	}
	weights->n_held = n;
	return n;
}

/* What a stopped batch left behind goes, so that held and context agree again. */
static void drop_unfinished(struct llm_weights *weights)
{
	llama_memory_t memory = llama_get_memory(weights->context);

	if (weights->n_held == 0 ||
	    !llama_memory_seq_rm(memory, 0, (llama_pos)weights->n_held, -1)) {
		llama_memory_clear(memory, false);
		weights->n_held = 0;
	}
}

/*
 * One token is computed by one thread: with more the sums depend on their number. A prompt is read
 * by as many as have a processor.
 */
static int decode(struct llm_weights *weights)
{
	uint32_t threads = 1;
	int r;

	weights->is_paced = weights->batch.n_tokens >= PACED_TOKENS_MIN;
	if (weights->is_paced)
		threads = llm_pace_begin(&weights->pace, clock_monotonic_us(), clock_cpu_us());
	llama_set_n_threads(weights->context, (int32_t)threads, (int32_t)threads);
	r = llama_decode(weights->context, weights->batch);
	if (r == 0)
		return 0;
	drop_unfinished(weights);
	return r;
}

int llm_weights_feed(struct llm_weights *weights, const llama_token *tokens, size_t n,
		     bool want_logits, struct error *err)
{
	struct llama_batch *batch = &weights->batch;
	int r;

	assert(n > 0 && n <= weights->batch_tokens);
	if (n > weights->context_tokens - weights->n_held)
		return FAIL(err, -EMSGSIZE, "the context of %u tokens is full",
			    weights->context_tokens);
	for (size_t i = 0; i < n; i++) {
		batch->token[i] = tokens[i];
		batch->pos[i] = (llama_pos)(weights->n_held + i);
		batch->n_seq_id[i] = 1;
		batch->seq_id[i][0] = 0;
		batch->logits[i] = want_logits && i == n - 1 ? 1 : 0;
	}
	batch->n_tokens = (int32_t)n;
	do
		r = decode(weights);
	while (r == ABORTED && weights->is_too_slow);
	if (r != 0) {
		return r == ABORTED ? FAIL(err, -ECANCELED, "the call was cancelled")
				    : FAIL(err, -EIO, "the model failed to compute (%d)", r);
	}
	memcpy(weights->held + weights->n_held, tokens, n * sizeof(tokens[0]));
	weights->n_held += n;
	return 0;
}

const float *llm_weights_logits(struct llm_weights *weights)
{
	return llama_get_logits_ith(weights->context, -1);
}

void llm_weights_now_holds(struct llm_weights *weights, const llama_token *tokens, size_t n)
{
	assert(n <= weights->context_tokens);
	memcpy(weights->held, tokens, n * sizeof(tokens[0]));
	weights->n_held = n;
}

const llama_token *llm_weights_tokens(const struct llm_weights *weights)
{
	return weights->held;
}

size_t llm_weights_held(const struct llm_weights *weights)
{
	return weights->n_held;
}
