/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/content.h"

#include "base/cleanup.h"

#include <string.h>

struct span {
	uint64_t from, to;
};

static int find(struct store *store, int64_t document, int64_t version, int64_t *ret_base,
		uint64_t *ret_bytes, struct error *err)
{
	static const char sql[] =
		"SELECT base, bytes FROM version WHERE document = ? AND version = ?";
	auto_reset sqlite3_stmt *row = NULL;
	int r = store_run(store, sql, STORE_VALUES(STORE_INT(document), STORE_INT(version)), &row,
			  err);

	if (r < 0)
		return r;
	if (r == 0)
		return FAIL(err, -ENOENT, "there is no version %lld", (long long)version);
	*ret_base = sqlite3_column_int64(row, 0);
	*ret_bytes = (uint64_t)sqlite3_column_int64(row, 1);
	return 0;
}

/* Copies what one piece, the bytes of the document up to `end`, has of the span. */
static void copy(sqlite3_stmt *row, uint64_t end, const struct span *span, char *out)
{
	uint64_t length = (uint64_t)sqlite3_column_bytes(row, 1), start = end - length;
	uint64_t from = span->from > start ? span->from : start;
	uint64_t to = span->to < end ? span->to : end;
	const char *piece = sqlite3_column_blob(row, 1);

	if (from < to)
		memcpy(out + (from - span->from), piece + (from - start), to - from);
}

int content_range(struct store *store, int64_t document, int64_t version, uint64_t from,
		  uint64_t length, struct buf *out, struct error *err)
{
	static const char sql[] = "SELECT bytes, piece FROM version"
				  " WHERE document = ? AND version BETWEEN ? AND ?"
				  " ORDER BY version DESC";
	auto_reset sqlite3_stmt *row = NULL;
	struct span span = { .from = from };
	uint64_t bytes = 0, end = UINT64_MAX;
	int64_t base = 0;
	char *at = NULL;
	int r = find(store, document, version, &base, &bytes, err);

	if (r < 0)
		return r;
	if (from >= bytes)
		return 0;
	span.to = length < bytes - from ? from + length : bytes;
	r = buf_reserve(out, span.to - span.from, &at);
	if (r < 0)
		return FAIL(err, r, "%llu bytes are more than fit",
			    (unsigned long long)(span.to - span.from));
	r = store_run(store, sql,
		      STORE_VALUES(STORE_INT(document), STORE_INT(base), STORE_INT(version)), &row,
		      err);
	for (; r == 1 && end > span.from; r = store_next(store, row, err)) {
		uint64_t size = (uint64_t)sqlite3_column_bytes(row, 1);

		end = (uint64_t)sqlite3_column_int64(row, 0);
		if (size > end)
			return FAIL(err, -EUCLEAN, "memory.db: a piece is longer than its version");
		copy(row, end, &span, at);
		end -= size;
	}
	if (r < 0)
		return r;
	if (end > span.from)
		return FAIL(err, -EUCLEAN, "memory.db: a piece of a version is missing");
	buf_commit(out, span.to - span.from);
	return 0;
}
