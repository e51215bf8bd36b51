/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-choice.h"

#include "base/cleanup.h"

#include <math.h>
#include <stdlib.h>

enum { BEST_MAX = 40, ASCII_FIRST = 0x20, ASCII_END = 0x7f };

struct llm_choice {
	const struct llama_vocab *vocab;
	const struct llm_bytes *bytes;
	struct llama_sampler *grammar; /* NULL: everything is allowed */
	llama_token end;
	size_t n_tokens;
	llama_token_data *all; /* n_tokens; made when first needed */
};

void llm_bytes_find(const struct llama_vocab *vocab, struct llm_bytes *ret)
{
	int n = llama_vocab_n_tokens(vocab);
	char piece[4];

	for (size_t i = 0; i < LLM_BYTE_VALUES; i++)
		ret->tokens[i] = LLAMA_TOKEN_NULL;
	for (llama_token token = 0; token < n; token++)
		if (!llama_vocab_is_control(vocab, token) && !llama_vocab_is_eog(vocab, token) &&
		    llama_token_to_piece(vocab, token, piece, sizeof(piece), 0, false) == 1)
			ret->tokens[(unsigned char)piece[0]] = token;
}

int llm_choice_new(const struct llama_vocab *vocab, const struct llm_bytes *bytes,
		   const char *grammar, struct llm_choice **ret, struct error *err)
{
	struct llm_choice *choice = calloc(1, sizeof(*choice));

	if (!choice)
		return FAIL(err, -ENOMEM, "out of memory");
	choice->vocab = vocab;
	choice->bytes = bytes;
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
static int64_t likeliest_allowed(struct llama_sampler *grammar, llama_token_data *rows, size_t n)
{
	llama_token_data_array array = { .data = rows, .size = n, .selected = -1, .sorted = false };
	int64_t best = -1;

	if (grammar)
		llama_sampler_apply(grammar, &array);
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
	if (likeliest_allowed(choice->grammar, rows, 1) == 0) {
		*ret = rows[0].id;
		return 0;
	}
	at = likeliest_allowed(choice->grammar, rows, likeliest(logits, choice->n_tokens, rows));
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
	at = likeliest_allowed(choice->grammar, choice->all, choice->n_tokens);
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

void llm_choice_accept(struct llm_choice *choice, llama_token token)
{
	if (choice->grammar)
		llama_sampler_accept(choice->grammar, token);
}

/* How many single bytes the grammar allows next; *ret_byte is the last of them. */
static size_t allowed_bytes(const struct llm_choice *choice, struct llama_sampler *grammar,
			    unsigned char *ret_byte)
{
	llama_token_data rows[LLM_BYTE_VALUES];
	unsigned char values[LLM_BYTE_VALUES];
	size_t n = 0, allowed = 0;

	for (size_t i = 0; i < LLM_BYTE_VALUES; i++) {
		if (choice->bytes->tokens[i] == LLAMA_TOKEN_NULL)
			continue;
		rows[n] = (llama_token_data){ .id = choice->bytes->tokens[i] };
		values[n++] = (unsigned char)i;
	}
	(void)likeliest_allowed(grammar, rows, n);
	for (size_t i = 0; i < n; i++) {
		if (isinf(rows[i].logit))
			continue;
		*ret_byte = values[i];
		allowed++;
	}
	return allowed;
}

static bool may_end(const struct llm_choice *choice, struct llama_sampler *grammar)
{
	llama_token_data row = { .id = choice->end };

	return likeliest_allowed(grammar, &row, 1) == 0;
}

bool llm_choice_is_complete(struct llm_choice *choice)
{
	unsigned char byte;

	return choice->grammar && may_end(choice, choice->grammar) &&
	       allowed_bytes(choice, choice->grammar, &byte) == 0;
}

/* Only when every ASCII byte can be tried is "no other" known. */
static bool can_try_all(const struct llm_choice *choice)
{
	for (size_t i = ASCII_FIRST; i < ASCII_END; i++)
		if (choice->bytes->tokens[i] == LLAMA_TOKEN_NULL)
			return false;
	return true;
}

size_t llm_choice_forced(struct llm_choice *choice, char *bytes, size_t max)
{
	struct llama_sampler *ahead;
	unsigned char byte;
	size_t n = 0;

	if (!choice->grammar || !can_try_all(choice))
		return 0;
	ahead = llama_sampler_clone(choice->grammar);
	while (n < max && !may_end(choice, ahead) && allowed_bytes(choice, ahead, &byte) == 1) {
		llama_sampler_accept(ahead, choice->bytes->tokens[byte]);
		bytes[n++] = (char)byte;
	}
	llama_sampler_free(ahead);
	return n;
}
