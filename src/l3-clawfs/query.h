/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * query - any text as a full-text query (L3).
 *
 * The text is cut into tokens as the index cuts documents, the words that say nothing are left out
 * (unless there are no others), and the expression is built from what remains, each token quoted:
 * no byte of the text is ever read as an operator.
 *
 * Ownership  query_fini() frees the terms.
 * Source     spec/clawfs-store.md, "Search".
 * Tests      tests/data/fs-queries.cases, fuzz/fuzz-fs-query.c
 */
#pragma once

#include "base/buf.h"
#include "l3-clawfs/tokens.h"

#include <stdint.h>

enum {
	QUERY_TERMS_MAX = 24,
	QUERY_TERM_BYTES = 128,       /* a longer token is no word somebody looks for */
	QUERY_READ_BYTES = 16 * 1024, /* of the text; what is behind it is not looked at */
	QUERY_PREFIX_BYTES = 3,       /* the shortest term that is tried as a beginning */
	QUERY_EXPRESSION_BYTES = 2 * QUERY_TERMS_MAX * (2 * QUERY_TERM_BYTES + 8),
};

struct query {
	char *terms[QUERY_TERMS_MAX]; /* distinct, folded; in the order of the text until weighed */
	int64_t chunks[QUERY_TERMS_MAX]; /* how many have the term */
	size_t n_terms;
	size_t n_any; /* the terms QUERY_ANY looks for: the first so many, at first all */
};
void query_fini(struct query *query);

/* n_terms is 0 when the text has no word. tokens is of kind TOKENS_FOLDED. */
must_check int query_parse(struct tokens *tokens, const char *text, size_t length,
			   struct query *ret, struct error *err);

/*
 * Knowing query->chunks: puts the rare terms first, and keeps QUERY_ANY to those that are in at
 * most QUERY_ANY_CHUNKS chunks together (three at least). What a common word adds to a score is
 * little; what it costs is most.
 */
enum { QUERY_ANY_CHUNKS = 3000, QUERY_ANY_LEAST = 3 };
void query_weigh(struct query *query);

enum query_mode {
	QUERY_ALL, /* chunks with every term */
	QUERY_ANY,
	QUERY_BEGIN, /* with a word that begins like one of the terms */
};

/* Adds the MATCH expression. Nothing is added when the mode leaves no term. */
must_check int query_expression(const struct query *query, enum query_mode mode, struct buf *out);
