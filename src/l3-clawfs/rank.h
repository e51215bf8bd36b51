/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rank - how well a chunk answers a query: the SQL function chunk_rank(chunk_text) (L3).
 *
 * Between 0 and 1: how much of the query's weight (rare terms weigh more) the chunk has, and how
 * densely (BM25's saturation; a word of the path counts as RANK_PATH occurrences).
 *
 * Source     spec/clawfs-store.md, "Ranking".
 */
#pragma once

#include "base/error.h"

#include "l3-clawfs/query.h"

#include <sqlite3.h>

enum { RANK_PATH = 3 };

/*
 * Makes the function known to a database. *query, borrowed, is the weighed query whose expression
 * is run (QUERY_ALL or QUERY_ANY); while it is NULL the function counts for itself (QUERY_BEGIN).
 */
must_check int rank_register(sqlite3 *db, const struct query **query, struct error *err);
