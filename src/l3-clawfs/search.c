/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/search.h"

#include "base/cleanup.h"
#include "l3-clawfs/content.h"
#include "l3-clawfs/excerpt.h"
#include "l3-clawfs/rank.h"

#include <assert.h>
#include <string.h>

/* Twice the hits and some: chunks of one document may overlap and show the same lines. */
enum { SPARE_CANDIDATES = 4, CANDIDATES_MAX = 2 * SEARCH_LIMIT_MAX + SPARE_CANDIDATES };
enum { CHUNK_BYTES_MAX = 64 * 1024 };

struct searcher {
	struct store *store;
	struct tokens *folded, *stemmed;
	const struct query *running; /* what chunk_rank() ranks for */
};

struct candidate {
	int64_t chunk;
	double score;
	/* filled when it becomes a hit: */
	int64_t document;
	uint64_t start, end;
};

int searcher_open(struct store *store, struct searcher **ret, struct error *err)
{
	struct searcher *searcher = calloc(1, sizeof(*searcher));
	int r;

	if (!searcher)
		return FAIL(err, -ENOMEM, "out of memory");
	searcher->store = store;
	r = rank_register(store_db(store), &searcher->running, err);
	if (r >= 0)
		r = tokens_open(store_db(store), TOKENS_FOLDED, &searcher->folded, err);
	if (r >= 0)
		r = tokens_open(store_db(store), TOKENS_STEMMED, &searcher->stemmed, err);
	if (r < 0) {
		searcher_close(searcher);
		return r;
	}
	*ret = searcher;
	return 0;
}

void searcher_close(struct searcher *searcher)
{
	if (!searcher)
		return;
	tokens_close(searcher->folded);
	tokens_close(searcher->stemmed);
	free(searcher);
}

static int run(struct searcher *searcher, const char *expression, size_t wanted, const char *labels,
	       sqlite3_stmt **ret, struct error *err)
{
	static const char sql_all[] =
		"SELECT rowid, chunk_rank(chunk_text) AS score FROM chunk_text"
		" WHERE chunk_text MATCH ?1 ORDER BY score DESC, rowid DESC LIMIT ?2";
	static const char sql_labels[] =
		"SELECT chunk_text.rowid, chunk_rank(chunk_text) AS score FROM chunk_text"
		" JOIN chunk c ON c.id = chunk_text.rowid JOIN document d ON d.id = c.document"
		" WHERE chunk_text MATCH ?1 AND NOT EXISTS (SELECT 1 FROM json_each(?3)"
		" WHERE value NOT IN (SELECT value FROM json_each(d.labels)))"
		" ORDER BY score DESC, chunk_text.rowid DESC LIMIT ?2";
	bool filtered = strcmp(labels, "[]") != 0;
	const struct store_value values[] = { STORE_TEXT(expression), STORE_INT(wanted),
					      STORE_TEXT(labels) };

	return store_run(searcher->store, filtered ? sql_labels : sql_all, values, filtered ? 3 : 2,
			 ret, err);
}

static int copy_stem(void *data, const char *token, size_t length, size_t start, size_t end)
{
	char *stem = data;

	(void)start;
	(void)end;
	if (length > QUERY_TERM_BYTES)
		return 0;
	memcpy(stem, token, length);
	stem[length] = '\0';
	return 1; /* a term is one token */
}

/* Counts the chunks that have each term. */
static int weigh(struct searcher *searcher, struct query *query, struct error *err)
{
	static const char sql[] = "SELECT term, doc FROM chunk_word WHERE term IN"
				  " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
				  " ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	char stems[QUERY_TERMS_MAX][QUERY_TERM_BYTES + 1];
	struct store_value values[QUERY_TERMS_MAX];
	auto_reset sqlite3_stmt *row = NULL;
	int r = 0;

	static_assert(QUERY_TERMS_MAX == 24, "as many as the statement has");
	for (size_t i = 0; i < query->n_terms && r >= 0; i++) {
		stems[i][0] = '\0';
		r = tokens_read(searcher->stemmed, query->terms[i], strlen(query->terms[i]),
				copy_stem, stems[i]);
		values[i] = STORE_TEXT(stems[i]);
	}
	if (r < 0)
		return FAIL(err, r, "out of memory");
	r = store_run(searcher->store, sql, values, query->n_terms, &row, err);
	for (; r == 1; r = store_next(searcher->store, row, err))
		for (size_t i = 0; i < query->n_terms; i++)
			if (strcmp(stems[i], store_column_text(row, 0)) == 0)
				query->chunks[i] = sqlite3_column_int64(row, 1);
	if (r >= 0)
		query_weigh(query);
	return r;
}

/* The best chunks for one mode; replaces what is in candidates. */
static int collect(struct searcher *searcher, const struct query *query, enum query_mode mode,
		   size_t wanted, const char *labels, struct candidate *candidates, size_t *ret_n,
		   struct error *err)
{
	auto_buf struct buf expression = BUF(QUERY_EXPRESSION_BYTES);
	auto_reset sqlite3_stmt *row = NULL;
	size_t n = 0;
	int r = query_expression(query, mode, &expression);

	*ret_n = 0;
	if (r < 0)
		return FAIL(err, r, "out of memory");
	if (expression.length == 0)
		return 0;
	searcher->running = mode == QUERY_BEGIN ? NULL : query;
	r = run(searcher, expression.data, wanted, labels, &row, err);
	for (; r == 1 && n < wanted; r = store_next(searcher->store, row, err))
		candidates[n++] = (struct candidate){ .chunk = sqlite3_column_int64(row, 0),
						      .score = sqlite3_column_double(row, 1) };
	*ret_n = n;
	return r < 0 ? r : 0;
}

static int collect_modes(struct searcher *searcher, const struct query *query, unsigned limit,
			 const char *labels, struct candidate *candidates, size_t *ret_n,
			 struct error *err)
{
	size_t wanted = 2 * (size_t)limit + SPARE_CANDIDATES;
	int r = 0;

	*ret_n = 0;
	/* The terms are weighed: when the first is in no chunk, none has them all. */
	if (query->n_terms > 1 && query->chunks[0] > 0)
		r = collect(searcher, query, QUERY_ALL, wanted, labels, candidates, ret_n, err);
	if (r >= 0 && *ret_n < limit)
		r = collect(searcher, query, QUERY_ANY, wanted, labels, candidates, ret_n, err);
	if (r >= 0 && *ret_n == 0)
		r = collect(searcher, query, QUERY_BEGIN, wanted, labels, candidates, ret_n, err);
	return r;
}

struct found {
	struct document document;
	uint64_t start, length;
};

static void found_fini(struct found *found)
{
	document_fini(&found->document);
}

static int load(struct store *store, int64_t chunk, struct found *ret, struct error *err)
{
	static const char sql[] =
		"SELECT d.id, owner, version, bytes, created, updated, path, labels, author,"
		" c.start, c.length FROM chunk c JOIN document d ON d.id = c.document"
		" WHERE c.id = ?";
	auto_reset sqlite3_stmt *row = NULL;
	int r = store_run(store, sql, STORE_VALUES(STORE_INT(chunk)), &row, err);

	if (r == 0)
		return FAIL(err, -EUCLEAN, "memory.db: the index has a chunk that is not there");
	if (r > 0)
		r = document_from_row(row, &ret->document, err);
	if (r < 0)
		return r;
	ret->start = (uint64_t)sqlite3_column_int64(row, 9);
	ret->length = (uint64_t)sqlite3_column_int64(row, 10);
	return 0;
}

static bool is_shown(const struct candidate *candidates, size_t n, const struct candidate *hit)
{
	for (size_t i = 0; i < n; i++)
		if (candidates[i].document == hit->document && candidates[i].start < hit->end &&
		    hit->start < candidates[i].end)
			return true;
	return false;
}

/* Gives candidate number i as a hit unless an earlier one shows the same place: 1 or 0. */
static int give(struct searcher *searcher, const struct query *query, struct candidate *candidates,
		size_t i, hit_fn on_hit, void *data, struct error *err)
{
	CLEANUP(found_fini) struct found found = { 0 };
	auto_buf struct buf text = BUF(CHUNK_BYTES_MAX);
	struct candidate *candidate = &candidates[i];
	size_t start = 0, length = 0;
	int r = load(searcher->store, candidate->chunk, &found, err);

	if (r >= 0)
		r = content_range(searcher->store, found.document.id, found.document.version,
				  found.start, found.length, &text, err);
	if (r >= 0)
		r = excerpt_find(searcher->stemmed, query, buf_string(&text), text.length, &start,
				 &length, err);
	if (r < 0)
		return r;
	candidate->start = found.start + start;
	candidate->end = candidate->start + length;
	candidate->document = found.document.id;
	if (is_shown(candidates, i, candidate))
		return 0;
	r = on_hit(&(struct hit){ .document = &found.document,
				  .offset = candidate->start,
				  .text = buf_string(&text) + start,
				  .length = length,
				  .score = candidate->score },
		   data, err);
	return r < 0 ? r : 1;
}

int search(struct searcher *searcher, const char *text, size_t length, unsigned limit,
	   const char *labels, hit_fn on_hit, void *data, struct error *err)
{
	CLEANUP(query_fini) struct query query = { 0 };
	struct candidate candidates[CANDIDATES_MAX];
	unsigned given = 0;
	size_t n = 0;
	int r;

	assert(limit > 0 && limit <= SEARCH_LIMIT_MAX);
	r = query_parse(searcher->folded, text, length, &query, err);
	if (r >= 0 && query.n_terms > 0)
		r = weigh(searcher, &query, err);
	if (r >= 0)
		r = collect_modes(searcher, &query, limit, labels, candidates, &n, err);
	for (size_t i = 0; i < n && given < limit && r >= 0; i++) {
		r = give(searcher, &query, candidates, i, on_hit, data, err);
		given += r == 1;
	}
	return r < 0 ? r : 0;
}
