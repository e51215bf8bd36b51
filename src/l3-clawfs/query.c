/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/query.h"

#include "base/cleanup.h"

#include <stdbool.h>
#include <string.h>

/* Sorted. English function words and what the tokenizer leaves of their contractions. */
static const char *const empty_words[] = {
	"a",      "about", "am",   "an",    "and",   "any",  "are",    "as",    "at",   "be",
	"been",   "but",   "by",   "can",   "could", "d",    "did",    "do",    "does", "for",
	"from",   "had",   "has",  "have",  "he",    "her",  "him",    "his",   "how",  "i",
	"if",     "in",    "into", "is",    "it",    "its",  "ll",     "m",     "me",   "my",
	"no",     "not",   "of",   "on",    "or",    "our",  "please", "re",    "s",    "she",
	"should", "so",    "t",    "tell",  "than",  "that", "the",    "their", "them", "then",
	"there",  "these", "they", "this",  "those", "to",   "us",     "ve",    "was",  "we",
	"were",   "what",  "when", "where", "which", "who",  "whom",   "whose", "why",  "will",
	"with",   "would", "you",  "your",
};

static bool is_empty_word(const char *token, size_t length)
{
	size_t low = 0, high = sizeof(empty_words) / sizeof(empty_words[0]);

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strncmp(token, empty_words[middle], length);

		if (order == 0 && empty_words[middle][length] != '\0')
			order = -1;
		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

void query_fini(struct query *query)
{
	for (size_t i = 0; i < query->n_terms; i++)
		free(query->terms[i]);
	*query = (struct query){ 0 };
}

struct parsing {
	struct query query;
	bool keep_empty;
};

static void parsing_fini(struct parsing *parsing)
{
	query_fini(&parsing->query);
}

static bool has_term(const struct query *query, const char *token, size_t length)
{
	for (size_t i = 0; i < query->n_terms; i++)
		if (strncmp(query->terms[i], token, length) == 0 && query->terms[i][length] == '\0')
			return true;
	return false;
}

static int on_token(void *data, const char *token, size_t length, size_t start, size_t end)
{
	struct parsing *parsing = data;
	struct query *query = &parsing->query;
	char *term;

	(void)start;
	(void)end;
	if (length == 0 || length > QUERY_TERM_BYTES || memchr(token, '\0', length))
		return 0;
	if (!parsing->keep_empty && is_empty_word(token, length))
		return 0;
	if (has_term(query, token, length))
		return 0;
	term = strndup(token, length);
	if (!term)
		return -ENOMEM;
	query->terms[query->n_terms++] = term;
	return query->n_terms == QUERY_TERMS_MAX;
}

int query_parse(struct tokens *tokens, const char *text, size_t length, struct query *ret,
		struct error *err)
{
	CLEANUP(parsing_fini) struct parsing parsing = { 0 };
	size_t read = length < QUERY_READ_BYTES ? length : QUERY_READ_BYTES;
	int r = tokens_read(tokens, text, read, on_token, &parsing);

	if (r >= 0 && parsing.query.n_terms == 0) {
		parsing.keep_empty = true;
		r = tokens_read(tokens, text, read, on_token, &parsing);
	}
	if (r < 0)
		return FAIL(err, r, "out of memory");
	parsing.query.n_any = parsing.query.n_terms;
	*ret = parsing.query;
	parsing.query = (struct query){ 0 };
	return 0;
}

void query_weigh(struct query *query)
{
	int64_t chunks = 0;

	for (size_t i = 1; i < query->n_terms; i++) { /* few, and stable */
		char *term = query->terms[i];
		int64_t n = query->chunks[i];
		size_t at = i;

		for (; at > 0 && query->chunks[at - 1] > n; at--) {
			query->terms[at] = query->terms[at - 1];
			query->chunks[at] = query->chunks[at - 1];
		}
		query->terms[at] = term;
		query->chunks[at] = n;
	}
	for (query->n_any = 0; query->n_any < query->n_terms; query->n_any++) {
		chunks += query->chunks[query->n_any];
		if (query->n_any >= QUERY_ANY_LEAST && chunks > QUERY_ANY_CHUNKS)
			break;
	}
}

static int add_term(const char *term, enum query_mode mode, struct buf *out)
{
	int r = 0;

	if (out->length > 0)
		r = buf_add_string(out, mode == QUERY_ALL ? " AND " : " OR ");
	if (r >= 0)
		r = buf_add_char(out, '"');
	for (; *term && r >= 0; term++) {
		if (*term == '"') /* no token has one; doubled, it could not do harm either */
			r = buf_add_char(out, '"');
		if (r >= 0)
			r = buf_add_char(out, *term);
	}
	if (r >= 0)
		r = buf_add_string(out, mode == QUERY_BEGIN ? "\"*" : "\"");
	return r;
}

int query_expression(const struct query *query, enum query_mode mode, struct buf *out)
{
	size_t n = mode == QUERY_ANY ? query->n_any : query->n_terms;
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		if (mode != QUERY_BEGIN || strlen(query->terms[i]) >= QUERY_PREFIX_BYTES)
			r = add_term(query->terms[i], mode, out);
	return r;
}
