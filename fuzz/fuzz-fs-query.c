/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   query_parse(), query_expression() and excerpt_find(): any text as a query, over any
 * text. Property every expression is one FTS5 accepts, whatever the text says; the excerpt lies
 * inside the text and is not longer than it may be. Corpus   fuzz/corpus/fs-query/
 */
#include "base/cleanup.h"
#include "l3-clawfs/excerpt.h"
#include "l3-clawfs/query.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_expression(sqlite3 *db, const struct query *query, enum query_mode mode)
{
	auto_buf struct buf expression = BUF(QUERY_EXPRESSION_BYTES);
	sqlite3_stmt *stmt = NULL;
	int rc;

	if (query_expression(query, mode, &expression) < 0)
		abort();
	if (expression.length == 0)
		return;
	rc = sqlite3_prepare_v2(db, "SELECT rowid FROM f WHERE f MATCH ?1", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, expression.data, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		abort();
	(void)sqlite3_finalize(stmt);
}

static void check_text(sqlite3 *db, struct tokens *folded, struct tokens *stemmed, const char *text,
		       size_t size)
{
	struct query query = { 0 };
	size_t start = 0, length = 0;

	if (query_parse(folded, text, size, &query, NULL) < 0 || query.n_terms > QUERY_TERMS_MAX)
		abort();
	check_expression(db, &query, QUERY_ALL);
	check_expression(db, &query, QUERY_ANY);
	check_expression(db, &query, QUERY_BEGIN);
	if (excerpt_find(stemmed, &query, text, size, &start, &length, NULL) < 0)
		abort();
	if (start > size || length > size - start || length > EXCERPT_BYTES)
		abort();
	query_fini(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct tokens *folded = NULL, *stemmed = NULL;
	sqlite3 *db = NULL;

	if (!text || sqlite3_open(":memory:", &db) != SQLITE_OK ||
	    sqlite3_exec(db,
			 "CREATE VIRTUAL TABLE f USING fts5(path, text, content='',"
			 " tokenize=\"porter unicode61 remove_diacritics 2\");"
			 "INSERT INTO f(rowid, path, text) VALUES(1, 'a.md', 'tea and coffee');",
			 NULL, NULL, NULL) != SQLITE_OK)
		abort();
	if (tokens_open(db, TOKENS_FOLDED, &folded, NULL) < 0 ||
	    tokens_open(db, TOKENS_STEMMED, &stemmed, NULL) < 0)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	check_text(db, folded, stemmed, text, size);
	tokens_close(folded);
	tokens_close(stemmed);
	(void)sqlite3_close(db);
	free(text);
	return 0;
}
