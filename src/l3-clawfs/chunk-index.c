/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/chunk-index.h"

#include "base/cleanup.h"
#include "l3-clawfs/chunks.h"
#include "l3-clawfs/content.h"

#include <string.h>

/* Takes the chunks of a document from number `from` on out of the index. */
static int remove_from(struct store *store, int64_t document, int64_t from, struct error *err)
{
	static const char sql_text[] = "DELETE FROM chunk_text WHERE rowid IN"
				       " (SELECT id FROM chunk WHERE document = ? AND number >= ?)";
	static const char sql_chunk[] = "DELETE FROM chunk WHERE document = ? AND number >= ?";
	int r = store_run(store, sql_text, STORE_VALUES(STORE_INT(document), STORE_INT(from)), NULL,
			  err);

	if (r < 0)
		return r;
	return store_run(store, sql_chunk, STORE_VALUES(STORE_INT(document), STORE_INT(from)), NULL,
			 err);
}

static int add(struct store *store, int64_t document, const char *path, int64_t number,
	       uint64_t start, const char *text, size_t length, struct error *err)
{
	static const char sql_chunk[] =
		"INSERT INTO chunk(document, number, start, length) VALUES(?, ?, ?, ?)";
	static const char sql_text[] = "INSERT INTO chunk_text(rowid, path, text) VALUES(?, ?, ?)";
	int r = store_run(store, sql_chunk,
			  STORE_VALUES(STORE_INT(document), STORE_INT(number), STORE_INT(start),
				       STORE_INT(length)),
			  NULL, err);

	if (r < 0)
		return r;
	return store_run(store, sql_text,
			 STORE_VALUES(STORE_INT(sqlite3_last_insert_rowid(store_db(store))),
				      STORE_TEXT(path),
				      ((struct store_value){ .bytes = text, .length = length })),
			 NULL, err);
}

/* Indexes text, which stands at `base` in the document, as chunks number, number + 1 ... */
static int add_all(struct store *store, int64_t document, const char *path, int64_t number,
		   uint64_t base, const char *text, size_t length, struct error *err)
{
	size_t start = 0, next = 0, chunk;
	bool more = length > 0;

	while (more) {
		int r;

		more = chunk_next(text, length, start, &chunk, &next);
		r = add(store, document, path, number++, base + start, text + start, chunk, err);
		if (r < 0)
			return r;
		start = next;
	}
	return 0;
}

int chunk_index_replace(struct store *store, int64_t document, const char *path, const char *text,
			size_t length, struct error *err)
{
	int r = remove_from(store, document, 0, err);

	if (r < 0)
		return r;
	return add_all(store, document, path, 0, 0, text, length, err);
}

int chunk_index_extend(struct store *store, int64_t document, const char *path, int64_t version,
		       uint64_t bytes, struct error *err)
{
	static const char sql[] = "SELECT number, start FROM chunk WHERE document = ?"
				  " ORDER BY number DESC LIMIT 1";
	auto_reset sqlite3_stmt *row = NULL;
	auto_buf struct buf tail = BUF(bytes + 1);
	int64_t number = 0;
	uint64_t start = 0;
	int r = store_run(store, sql, STORE_VALUES(STORE_INT(document)), &row, err);

	if (r == 1) {
		number = sqlite3_column_int64(row, 0);
		start = (uint64_t)sqlite3_column_int64(row, 1);
	}
	store_reset(&row);
	if (r >= 0)
		r = content_range(store, document, version, start, bytes, &tail, err);
	if (r >= 0)
		r = remove_from(store, document, number, err);
	if (r < 0)
		return r;
	return add_all(store, document, path, number, start, tail.data, tail.length, err);
}
