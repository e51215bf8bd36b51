/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-choice.h"

#include "base/cleanup.h"

#include <math.h>
#include <stdlib.h>

enum {
	BEST_MAX = 40,
	PROBE_FIRST = 0x20,
	PROBE_LAST = 0x7e,
	PROBES = PROBE_LAST - PROBE_FIRST + 3
};

struct llm_choice {
	const struct llama_vocab *vocab;
	struct llama_sampler *grammar; /* NULL: everything is allowed */
	llama_token end;
	size_t n_probes;
	llama_token probes[PROBES]; /* one-byte tokens: what any ASCII text could go on with */
	size_t n_tokens;
	llama_token_data *all; /* n_tokens; made when first needed */
};

static void find_probes(struct llm_choice *choice)
{
	for (int c = PROBE_FIRST; c <= PROBE_LAST + 2; c++) {
		char text = c == PROBE_LAST + 1 ? '\n' : c == PROBE_LAST + 2 ? '\t' : (char)c;
		llama_token token;

		if (llama_tokenize(choice->vocab, &text, 1, &token, 1, false, false) == 1)
			choice->probes[choice->n_probes++] = token;
	}
}

int llm_choice_new(const struct llama_vocab *vocab, const char *grammar, struct llm_choice **ret,
		   struct error *err)
{
	struct llm_choice *choice = calloc(1, sizeof(*choice));

	if (!choice)
		return FAIL(err, -ENOMEM, "out of memory");
	choice->vocab = vocab;
	choice->n_tokens = (size_t)llama_vocab_n_tokens(vocab);
	choice->end = llama_vocab_eot(vocab);
	if (choice->end == LLAMA_TOKEN_NULL)
		choice->end = llama_vocab_eos(vocab);
	if (grammar) {
		choice->grammar = llama_sampler_init_grammar(vocab, grammar, "root");
		if (!choice->grammar) {
			llm_choice_free(choice);
			return FAIL(err, -EINVAL, "the grammar cannot be read");
		}
		find_probes(choice);
	}
	*ret = choice;
	return 0;
}

void llm_choice_free(struct llm_choice *choice)
{
	if (!choice)
		return;
	if (choice->grammar)
		llama_sampler_free(choice->grammar);
	free(choice->all);
	free(choice);
}

/* Lets the grammar mark what it refuses, and returns the index of the likeliest left, or -1. */
static int64_t likeliest_allowed(struct llm_choice *choice, llama_token_data *rows, size_t n)
{
	llama_token_data_array array = { .data = rows, .size = n, .selected = -1, .sorted = false };
	int64_t best = -1;

	if (choice->grammar)
		llama_sampler_apply(choice->grammar, &array);
	for (size_t i = 0; i < n; i++)
		if (!isinf(rows[i].logit) && !isnan(rows[i].logit) &&
		    (best < 0 || rows[i].logit > rows[best].logit))
			best = (int64_t)i;
	return best;
}

/* The BEST_MAX likeliest, in no order: most tokens fail the first comparison. */
static size_t likeliest(const float *logits, size_t n, llama_token_data *rows)
{
	size_t held = 0, least = 0;

	for (size_t i = 0; i < n; i++) {
		if (held == BEST_MAX && logits[i] <= rows[least].logit)
			continue;
		if (held < BEST_MAX)
			least = held++;
		rows[least] = (llama_token_data){ .id = (llama_token)i, .logit = logits[i] };
		for (size_t j = 0; j < held && held == BEST_MAX; j++)
			if (rows[j].logit < rows[least].logit)
				least = j;
	}
	return held;
}

static llama_token first_of(const float *logits, size_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		if (logits[i] > logits[best])
			best = i;
	return (llama_token)best;
}

static int choose(struct llm_choice *choice, const float *logits, llama_token *ret,
		  struct error *err)
{
	llama_token_data rows[BEST_MAX];
	int64_t at;

	rows[0].id = first_of(logits, choice->n_tokens);
	rows[0].logit = logits[rows[0].id];
	if (likeliest_allowed(choice, rows, 1) == 0) {
		*ret = rows[0].id;
		return 0;
	}
	at = likeliest_allowed(choice, rows, likeliest(logits, choice->n_tokens, rows));
	if (at >= 0) {
		*ret = rows[at].id;
		return 0;
	}
	if (!choice->all)
		choice->all = calloc(choice->n_tokens, sizeof(choice->all[0]));
	if (!choice->all)
		return FAIL(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < choice->n_tokens; i++)
		choice->all[i] = (llama_token_data){ .id = (llama_token)i, .logit = logits[i] };
	at = likeliest_allowed(choice, choice->all, choice->n_tokens);
	if (at < 0)
		return FAIL(err, -EIO, "the grammar allows no token");
	*ret = choice->all[at].id;
	return 0;
}

int llm_choice_take(struct llm_choice *choice, const float *logits, llama_token *ret,
		    struct error *err)
{
	int r = choose(choice, logits, ret, err);

	if (r >= 0 && choice->grammar && !llama_vocab_is_eog(choice->vocab, *ret))
		llama_sampler_accept(choice->grammar, *ret);
	return r;
}

bool llm_choice_is_complete(struct llm_choice *choice)
{
	llama_token_data rows[PROBES] = { { .id = choice->end } };

	if (!choice->grammar || likeliest_allowed(choice, rows, 1) < 0)
		return false;
	for (size_t i = 0; i < choice->n_probes; i++)
		rows[i] = (llama_token_data){ .id = choice->probes[i] };
	return likeliest_allowed(choice, rows, choice->n_probes) < 0;
}
