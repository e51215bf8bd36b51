/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-text.h"

#include "base/utf8.h"
#include "l6-agent/local-marks.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STYLE_TOKENS_MAX = 16, TOKENS_STEP = 256 };

/* True when every <…> the text spells is one control token of the vocabulary. */
static bool is_spoken(const struct llama_vocab *vocab, const char *text)
{
	llama_token tokens[STYLE_TOKENS_MAX];
	size_t spelled = 0, found = 0;
	int n = llama_tokenize(vocab, text, (int32_t)strlen(text), tokens, STYLE_TOKENS_MAX, false,
			       true);

	for (const char *at = strchr(text, '<'); at; at = strchr(at + 1, '<'))
		spelled++;
	for (int i = 0; i < n; i++)
		if (llama_vocab_is_control(vocab, tokens[i]))
			found++;
	return n >= 0 && found == spelled;
}

int llm_style_find(const struct llama_vocab *vocab, const struct llm_style **ret, struct error *err)
{
	for (size_t i = 0; i < llm_style_count; i++) {
		const struct llm_style *style = &llm_style_table[i];

		if (is_spoken(vocab, style->system_begins) &&
		    is_spoken(vocab, style->user_begins) &&
		    is_spoken(vocab, style->assistant_begins) && is_spoken(vocab, style->ends)) {
			*ret = style;
			return 0;
		}
	}
	return FAIL(err, -EINVAL, "the model writes turns in none of the known styles");
}

void llm_tokens_free(struct llm_tokens *tokens)
{
	free(tokens->tokens);
	*tokens = LLM_TOKENS(tokens->max);
}

static int add_token(struct llm_tokens *ret, llama_token token, struct error *err)
{
	if (ret->n == ret->max)
		return FAIL(err, -EMSGSIZE, "the prompt has more than %zu tokens", ret->max);
	if (!ret->tokens)
		ret->tokens = calloc(ret->max, sizeof(ret->tokens[0]));
	if (!ret->tokens)
		return FAIL(err, -ENOMEM, "out of memory");
	ret->tokens[ret->n++] = token;
	return 0;
}

/* Plain text or, from the style table only, control tokens. */
static int add_text(const struct llama_vocab *vocab, const char *text, size_t length, bool control,
		    struct llm_tokens *ret, struct error *err)
{
	int n;

	if (length == 0)
		return 0;
	if (length > INT32_MAX)
		return FAIL(err, -EMSGSIZE, "the prompt is too long");
	if (!ret->tokens)
		ret->tokens = calloc(ret->max, sizeof(ret->tokens[0]));
	if (!ret->tokens)
		return FAIL(err, -ENOMEM, "out of memory");
	n = llama_tokenize(vocab, text, (int32_t)length, ret->tokens + ret->n,
			   (int32_t)(ret->max - ret->n), false, control);
	if (n < 0)
		return FAIL(err, -EMSGSIZE, "the prompt has more than %zu tokens", ret->max);
	ret->n += (size_t)n;
	return 0;
}

static const char *marked(const struct llm_style *style, char mark)
{
	switch (mark) {
	case LOCAL_MARK_SYSTEM:
		return style->system_begins;
	case LOCAL_MARK_USER:
		return style->user_begins;
	case LOCAL_MARK_ASSISTANT:
		return style->assistant_begins;
	case LOCAL_MARK_END:
		return style->ends;
	default:
		return NULL;
	}
}

static bool is_plain(char c)
{
	return (unsigned char)c >= 0x20 || c == '\n' || c == '\t';
}

int llm_text_tokens(const struct llama_vocab *vocab, const struct llm_style *style,
		    const char *text, size_t length, bool first, struct llm_tokens *ret,
		    struct error *err)
{
	size_t at = 0;
	int r = 0;

	assert(ret->max > 0 && ret->max <= INT32_MAX);
	if (!utf8_is_valid(text, length))
		return FAIL(err, -EINVAL, "the prompt is not UTF-8");
	if (first && llama_vocab_get_add_bos(vocab))
		r = add_token(ret, llama_vocab_bos(vocab), err);
	while (at < length && r >= 0) {
		size_t run = 0;
		const char *open;

		while (run < length - at && is_plain(text[at + run]))
			run++;
		r = add_text(vocab, text + at, run, false, ret, err);
		at += run;
		if (r < 0 || at == length)
			break;
		open = marked(style, text[at++]);
		if (!open)
			return FAIL(err, -EINVAL, "byte %zu of the prompt is no mark and no text",
				    at - 1);
		r = add_text(vocab, open, strlen(open), true, ret, err);
	}
	return r;
}
