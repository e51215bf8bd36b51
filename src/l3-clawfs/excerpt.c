/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/excerpt.h"

#include "base/cleanup.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { MATCHES_MAX = 512 };

static_assert(QUERY_TERMS_MAX <= 32, "terms are bits of a uint32_t");

struct match {
	size_t start, end;
	unsigned term;
};

struct finding {
	char *stems[QUERY_TERMS_MAX];
	size_t n_stems, n_matches;
	struct match matches[MATCHES_MAX];
};

static void finding_free(struct finding *finding)
{
	for (size_t i = 0; finding && i < finding->n_stems; i++)
		free(finding->stems[i]);
	free(finding);
}
DEFINE_CLEANUP(struct finding *, finding_free)

static int on_stem(void *data, const char *token, size_t length, size_t start, size_t end)
{
	struct finding *finding = data;

	(void)start;
	(void)end;
	finding->stems[finding->n_stems] = strndup(token, length);
	if (!finding->stems[finding->n_stems])
		return -ENOMEM;
	finding->n_stems++;
	return 1; /* a term is one token */
}

/* True when the token is the stem of a term or begins like it (a hit by beginning). */
static bool is_match(const char *stem, const char *token, size_t length)
{
	size_t n = strlen(stem);

	return length >= n && memcmp(token, stem, n) == 0 &&
	       (length == n || n >= QUERY_PREFIX_BYTES);
}

static int on_token(void *data, const char *token, size_t length, size_t start, size_t end)
{
	struct finding *finding = data;

	for (unsigned i = 0; i < finding->n_stems; i++) {
		if (is_match(finding->stems[i], token, length)) {
			finding->matches[finding->n_matches++] =
				(struct match){ .start = start, .end = end, .term = i };
			break;
		}
	}
	return finding->n_matches == MATCHES_MAX;
}

/* The window of matches with the most different terms, the earliest of equals. */
static void best_window(const struct finding *finding, size_t *ret_start, size_t *ret_end)
{
	int best = 0;

	for (size_t i = 0; i < finding->n_matches; i++) {
		const struct match *first = &finding->matches[i];
		uint32_t seen = 0;

		for (size_t j = i; j < finding->n_matches; j++) {
			const struct match *match = &finding->matches[j];

			if (match->end - first->start > EXCERPT_BYTES)
				break;
			seen |= UINT32_C(1) << match->term;
			if (__builtin_popcount(seen) > best) {
				best = __builtin_popcount(seen);
				*ret_start = first->start;
				*ret_end = match->end;
			}
		}
	}
}

static bool is_break(char c)
{
	return c == '\n' || c == ' ' || c == '\t' || c == '\r';
}

static bool is_middle(char c)
{
	return (c & 0xc0) == 0x80;
}

/* Widens [start, end) to at most EXCERPT_BYTES. */
static void widen(const char *text, size_t length, size_t *start, size_t *end)
{
	size_t room = *end - *start < EXCERPT_BYTES ? EXCERPT_BYTES - (*end - *start) : 0;
	size_t low = *start > room / 3 ? *start - room / 3 : 0, high, at;

	for (at = *start; at > low && text[at - 1] != '\n'; at--)
		;
	if (at == low && low > 0) /* the line begins earlier: cut between two words */
		while (at < *start && !is_break(text[at - 1]))
			at++;
	room -= room < *start - at ? room : *start - at;
	high = length - *end > room ? *end + room : length;
	*start = at;
	for (at = high; high < length && at > *end && text[at - 1] != '\n'; at--)
		;
	if (at == *end && high < length)
		for (at = high; at > *end && !is_break(text[at]); at--)
			;
	*end = at > *end ? at : high;
}

static void trim(const char *text, size_t *start, size_t *end)
{
	while (*start < *end && (is_break(text[*start]) || is_middle(text[*start])))
		(*start)++;
	while (*end > *start && is_break(text[*end - 1]))
		(*end)--;
}

int excerpt_find(struct tokens *stemmed, const struct query *query, const char *text, size_t length,
		 size_t *ret_start, size_t *ret_length, struct error *err)
{
	CLEANUP(finding_free_ptr) struct finding *finding = calloc(1, sizeof(*finding));
	size_t start = 0, end = 0;
	int r = finding ? 0 : -ENOMEM;

	for (size_t i = 0; i < query->n_terms && r >= 0; i++)
		r = tokens_read(stemmed, query->terms[i], strlen(query->terms[i]), on_stem,
				finding);
	if (r >= 0)
		r = tokens_read(stemmed, text, length, on_token, finding);
	if (r < 0)
		return FAIL(err, r, "out of memory");
	best_window(finding, &start, &end);
	if (end - start > EXCERPT_BYTES) /* one match that is longer than an excerpt */
		end = start + EXCERPT_BYTES;
	widen(text, length, &start, &end);
	while (end < length && end > start && is_middle(text[end]))
		end--;
	trim(text, &start, &end);
	*ret_start = start;
	*ret_length = end - start;
	return 0;
}
