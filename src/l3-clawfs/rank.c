/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/rank.h"

#include "base/cleanup.h"
#include "l3-clawfs/query.h"
#include "l3-clawfs/tokens.h"

#include <math.h>

/* BM25's constants, as FTS5 and most others have them, and the share of being there at all. */
static const double saturation_k1 = 1.2, length_b = 0.75, presence = 0.6;

struct statistics {
	double average_words, weight[QUERY_TERMS_MAX], weight_all;
	int n_terms;
};

static int count_row(const Fts5ExtensionApi *api, Fts5Context *fts, void *data)
{
	int64_t *n = data;

	(void)api;
	(void)fts;
	(*n)++;
	return SQLITE_OK;
}

static double weight(int64_t rows, int64_t having)
{
	double n = (double)rows, h = having < rows ? (double)having : n;

	return log(1 + (n - h + 0.5) / (h + 0.5));
}

/* What the query does not know: how many chunks have the words that begin like each term. */
static int count_all(const Fts5ExtensionApi *api, Fts5Context *fts, int64_t *having, int n)
{
	int rc = SQLITE_OK;

	for (int i = 0; i < n && rc == SQLITE_OK; i++) {
		having[i] = 0;
		rc = api->xQueryPhrase(fts, i, &having[i], count_row);
	}
	return rc;
}

/* Weighs the terms by how few chunks have them. Made once per query. */
static int measure(const Fts5ExtensionApi *api, Fts5Context *fts, struct statistics *statistics)
{
	const struct query *const *known = api->xUserData(fts), *query = *known;
	int64_t having[QUERY_TERMS_MAX];
	sqlite3_int64 rows = 0, words = 0;
	int n = api->xPhraseCount(fts), n_all = query ? (int)query->n_terms : n;
	int rc = api->xRowCount(fts, &rows);

	if (n > QUERY_TERMS_MAX || n > n_all)
		return SQLITE_ERROR;
	if (rc == SQLITE_OK)
		rc = api->xColumnTotalSize(fts, -1, &words);
	if (rc == SQLITE_OK && !query)
		rc = count_all(api, fts, having, n);
	if (rc != SQLITE_OK)
		return rc;
	statistics->average_words = rows > 0 && words > 0 ? (double)words / (double)rows : 1;
	statistics->n_terms = n;
	for (int i = 0; i < n_all; i++) {
		double w = weight(rows, query ? query->chunks[i] : having[i]);

		statistics->weight_all += w;
		if (i < n)
			statistics->weight[i] = w;
	}
	return SQLITE_OK;
}

static int statistics_of(const Fts5ExtensionApi *api, Fts5Context *fts, struct statistics **ret)
{
	struct statistics *statistics = api->xGetAuxdata(fts, 0);
	int rc;

	if (statistics) {
		*ret = statistics;
		return SQLITE_OK;
	}
	statistics = sqlite3_malloc64(sizeof(*statistics));
	if (!statistics)
		return SQLITE_NOMEM;
	*statistics = (struct statistics){ 0 };
	rc = measure(api, fts, statistics);
	if (rc != SQLITE_OK) {
		sqlite3_free(statistics);
		return rc;
	}
	*ret = statistics;
	return api->xSetAuxdata(fts, statistics, sqlite3_free);
}

static int count_terms(const Fts5ExtensionApi *api, Fts5Context *fts, double *counts, int n_terms)
{
	int n = 0, rc = api->xInstCount(fts, &n);

	for (int i = 0; i < n && rc == SQLITE_OK; i++) {
		int term, column, offset;

		rc = api->xInst(fts, i, &term, &column, &offset);
		if (rc == SQLITE_OK && term < n_terms)
			counts[term] += column == 0 ? RANK_PATH : 1;
	}
	return rc;
}

static int rank(const Fts5ExtensionApi *api, Fts5Context *fts, double *ret)
{
	double counts[QUERY_TERMS_MAX] = { 0 }, sum = 0, damping;
	struct statistics *statistics;
	int words = 0, rc = statistics_of(api, fts, &statistics);

	if (rc == SQLITE_OK)
		rc = api->xColumnSize(fts, -1, &words);
	if (rc == SQLITE_OK)
		rc = count_terms(api, fts, counts, statistics->n_terms);
	if (rc != SQLITE_OK)
		return rc;
	damping = saturation_k1 * (1 - length_b + length_b * words / statistics->average_words);
	for (int i = 0; i < statistics->n_terms; i++)
		if (counts[i] > 0)
			sum += statistics->weight[i] *
			       (presence + (1 - presence) * counts[i] / (counts[i] + damping));
	*ret = statistics->weight_all > 0 ? sum / statistics->weight_all : 0;
	return SQLITE_OK;
}

static void chunk_rank(const Fts5ExtensionApi *api, Fts5Context *fts, sqlite3_context *context,
		       int n, sqlite3_value **values)
{
	double value;
	int rc = rank(api, fts, &value);

	(void)n;
	(void)values;
	if (rc == SQLITE_OK)
		sqlite3_result_double(context, value);
	else
		sqlite3_result_error_code(context, rc);
}

int rank_register(sqlite3 *db, const struct query **query, struct error *err)
{
	fts5_api *api;
	int r = tokens_fts5(db, &api, err);

	if (r < 0)
		return r;
	if (api->xCreateFunction(api, "chunk_rank", query, chunk_rank, NULL) != SQLITE_OK)
		return FAIL(err, -ENOMEM, "the ranking function could not be made");
	return 0;
}
