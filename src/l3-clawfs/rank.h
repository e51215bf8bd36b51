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

#include <sqlite3.h>

enum { RANK_PATH = 3 };

/* Makes the function known to a database. */
must_check int rank_register(sqlite3 *db, struct error *err);
