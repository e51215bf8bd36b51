/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/documents.h"

#include "base/cleanup.h"
#include "l3-clawfs/chunk-index.h"
#include "l3-clawfs/content.h"
#include "l3-clawfs/labels.h"
#include "l3-clawfs/path.h"

#include <string.h>

void document_fini(struct document *document)
{
	free(document->path);
	free(document->labels);
	free(document->author);
	*document = (struct document){ 0 };
}

int document_from_row(sqlite3_stmt *row, struct document *ret, struct error *err)
{
	struct document document = {
		.id = sqlite3_column_int64(row, 0),
		.owner = sqlite3_column_int64(row, 1),
		.version = sqlite3_column_int64(row, 2),
		.bytes = (uint64_t)sqlite3_column_int64(row, 3),
		.created_us = (uint64_t)sqlite3_column_int64(row, 4),
		.updated_us = (uint64_t)sqlite3_column_int64(row, 5),
		.path = strdup(store_column_text(row, 6)),
		.labels = strdup(store_column_text(row, 7)),
		.author = strdup(store_column_text(row, 8)),
	};

	if (!document.path || !document.labels || !document.author) {
		document_fini(&document);
		return FAIL(err, -ENOMEM, "out of memory");
	}
	*ret = document;
	return 0;
}

int document_find(struct store *store, const char *path, int64_t owner, int64_t version,
		  struct document *ret, struct error *err)
{
	static const char sql_newest[] =
		"SELECT " DOCUMENT_COLUMNS " FROM document WHERE path = ? AND owner = ?";
	static const char sql_version[] =
		"SELECT d.id, d.owner, v.version, v.bytes, d.created, v.created, d.path, v.labels,"
		" v.author FROM document d JOIN version v ON v.document = d.id"
		" WHERE d.path = ? AND d.owner = ? AND v.version = ?";
	auto_reset sqlite3_stmt *row = NULL;
	int r = version == 0
			? store_run(store, sql_newest,
				    STORE_VALUES(STORE_TEXT(path), STORE_INT(owner)), &row, err)
			: store_run(store, sql_version,
				    STORE_VALUES(STORE_TEXT(path), STORE_INT(owner),
						 STORE_INT(version)),
				    &row, err);

	if (r == 1)
		r = document_from_row(row, ret, err) < 0 ? -ENOMEM : 1;
	return r;
}

int document_version(struct store *store, const char *path, int64_t owner, int64_t *ret,
		     struct error *err)
{
	static const char sql[] = "SELECT version FROM document WHERE path = ? AND owner = ?";

	return store_count(store, sql, STORE_VALUES(STORE_TEXT(path), STORE_INT(owner)), ret, err);
}

/* One write on its way into the store. */
struct writing {
	const struct document_write *write;
	struct document before; /* path NULL when the document is new */
	int64_t id, version, base;
	uint64_t bytes;
	struct buf piece;
	char *labels;
};

static void writing_fini(struct writing *writing)
{
	document_fini(&writing->before);
	buf_free(&writing->piece);
	free(writing->labels);
}

/*
 * The version a repeated write of a tool call made the first time: a call's author name is unique,
 * so the same author with the same bytes behind it is the same call, done again after a crash.
 */
static int find_repeated(struct store *store, const struct writing *writing, int64_t *ret,
			 struct error *err)
{
	static const char sql[] =
		"SELECT version FROM version WHERE document = ? AND version > ? AND author = ?"
		" AND append = ? AND added = ? AND substr(piece, -added, added) = ?"
		" ORDER BY version DESC LIMIT 1";
	const struct document_write *write = writing->write;
	int64_t newest = writing->before.version,
		after = write->expect_version >= 0 ? write->expect_version : newest - 1;

	*ret = 0;
	if (!writing->before.path || strncmp(write->author, "tool:", 5) != 0)
		return 0;
	return store_count(store, sql,
			   STORE_VALUES(STORE_INT(writing->before.id), STORE_INT(after),
					STORE_TEXT(write->author), STORE_INT(write->append),
					STORE_INT(write->length),
					STORE_BLOB(write->text, write->length)),
			   ret, err);
}

/* True when what is there ends in the middle of a line. */
static int ends_inside_line(struct store *store, const struct document *document, bool *ret,
			    struct error *err)
{
	auto_buf struct buf last = BUF(1);
	int r;

	*ret = false;
	if (document->bytes == 0)
		return 0;
	r = content_range(store, document->id, document->version, document->bytes - 1, 1, &last,
			  err);
	if (r >= 0)
		*ret = last.length == 1 && last.data[0] != '\n';
	return r;
}

static int piece_of(struct store *store, struct writing *writing, struct error *err)
{
	const struct document_write *write = writing->write;
	const struct document *before = &writing->before;
	bool split = false, adds = write->append && before->path;
	int64_t base = 0;
	int r = 0;

	writing->version = before->version + 1;
	writing->piece.max = before->bytes + write->length + 1;
	writing->base = writing->version;
	if (adds) {
		static const char sql[] =
			"SELECT base FROM version WHERE document = ? AND version = ?";

		r = store_count(store, sql,
				STORE_VALUES(STORE_INT(before->id), STORE_INT(before->version)),
				&base, err);
		if (r >= 0)
			r = ends_inside_line(store, before, &split, err);
		if (r >= 0 && writing->version - base < CONTENT_CHAIN)
			writing->base = base;
		else if (r >= 0)
			r = content_range(store, before->id, before->version, 0, before->bytes,
					  &writing->piece, err);
	}
	if (r < 0)
		return r;
	writing->bytes = (adds ? before->bytes : 0) + split + write->length;
	if ((split && buf_add_char(&writing->piece, '\n') < 0) ||
	    buf_add(&writing->piece, write->text, write->length) < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	return labels_merge(adds ? before->labels : "[]", write->labels, &writing->labels, err);
}

static int check_limits(struct store *store, const struct writing *writing,
			struct write_result *ret, struct error *err)
{
	static const char sql_bytes[] = "SELECT value FROM total WHERE name = 'bytes'",
			  sql_documents[] = "SELECT value FROM total WHERE name = 'documents'";
	const struct quotas *quotas = store_quotas(store);
	int64_t bytes, documents;
	int r = store_count(store, sql_bytes, NULL, 0, &bytes, err);

	if (r >= 0)
		r = store_count(store, sql_documents, NULL, 0, &documents, err);
	if (r < 0)
		return r;
	if (writing->bytes > quotas->document_bytes) {
		ret->limit = "fs.document_bytes";
		ret->limit_value = quotas->document_bytes;
	} else if (path_is_identity(writing->write->path) &&
		   writing->bytes > quotas->identity_bytes) {
		ret->limit = "fs.identity_bytes";
		ret->limit_value = quotas->identity_bytes;
	} else if (!writing->before.path && (uint64_t)documents >= quotas->documents) {
		ret->limit = "fs.documents";
		ret->limit_value = quotas->documents;
	} else if ((uint64_t)bytes + writing->piece.length > quotas->total_bytes) {
		ret->limit = "fs.total_bytes";
		ret->limit_value = quotas->total_bytes;
	}
	return 0;
}

static int add_total(struct store *store, const char *name, int64_t n, struct error *err)
{
	static const char sql[] = "UPDATE total SET value = value + ? WHERE name = ?";

	return store_run(store, sql, STORE_VALUES(STORE_INT(n), STORE_TEXT(name)), NULL, err);
}

static int put_document(struct store *store, struct writing *writing, struct error *err)
{
	static const char sql_new[] =
		"INSERT INTO document(owner, path, version, bytes, labels, author, created,"
		" updated) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";
	static const char sql_old[] =
		"UPDATE document SET version = ?3, bytes = ?4, labels = ?5, author = ?6,"
		" updated = ?7 WHERE path = ?2 AND owner = ?1";
	const struct document_write *write = writing->write;
	bool is_new = !writing->before.path;
	int r = store_run(store, is_new ? sql_new : sql_old,
			  STORE_VALUES(STORE_INT(write->owner), STORE_TEXT(write->path),
				       STORE_INT(writing->version), STORE_INT(writing->bytes),
				       STORE_TEXT(writing->labels), STORE_TEXT(write->author),
				       STORE_INT(write->now_us)),
			  NULL, err);

	writing->id = is_new ? sqlite3_last_insert_rowid(store_db(store)) : writing->before.id;
	if (r >= 0 && is_new)
		r = add_total(store, "documents", 1, err);
	return r;
}

static int put_version(struct store *store, const struct writing *writing, struct error *err)
{
	static const char sql[] =
		"INSERT INTO version(document, version, base, bytes, labels, author, created,"
		" append, added, piece) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
	const struct document_write *write = writing->write;
	int r = store_run(
		store, sql,
		STORE_VALUES(STORE_INT(writing->id), STORE_INT(writing->version),
			     STORE_INT(writing->base), STORE_INT(writing->bytes),
			     STORE_TEXT(writing->labels), STORE_TEXT(write->author),
			     STORE_INT(write->now_us), STORE_INT(write->append),
			     STORE_INT(write->length),
			     STORE_BLOB(buf_string(&writing->piece), writing->piece.length)),
		NULL, err);

	if (r >= 0)
		r = add_total(store, "bytes", (int64_t)writing->piece.length, err);
	return r;
}

/* Drops what is older than the kept versions need; a whole version stays while pieces stand on it.
 */
static int drop_old(struct store *store, const struct writing *writing, struct error *err)
{
	static const char sql_base[] =
		"SELECT base FROM version WHERE document = ? AND version = ?";
	static const char sql_sum[] = "SELECT total(length(piece)) FROM version"
				      " WHERE document = ? AND version < ?";
	static const char sql_drop[] = "DELETE FROM version WHERE document = ? AND version < ?";
	int64_t oldest = writing->version - (int64_t)store_quotas(store)->versions, base, bytes;
	int r;

	if (oldest <= 1)
		return 0;
	r = store_count(store, sql_base, STORE_VALUES(STORE_INT(writing->id), STORE_INT(oldest)),
			&base, err);
	if (r >= 0)
		r = store_count(store, sql_sum,
				STORE_VALUES(STORE_INT(writing->id), STORE_INT(base)), &bytes, err);
	if (r < 0 || bytes == 0)
		return r;
	r = store_run(store, sql_drop, STORE_VALUES(STORE_INT(writing->id), STORE_INT(base)), NULL,
		      err);
	return r < 0 ? r : add_total(store, "bytes", -bytes, err);
}

static int put(struct store *store, struct writing *writing, struct error *err)
{
	const struct document_write *write = writing->write;
	bool adds = write->append && writing->before.path;
	int r = put_document(store, writing, err);

	if (r >= 0)
		r = put_version(store, writing, err);
	if (r >= 0)
		r = drop_old(store, writing, err);
	if (r < 0)
		return r;
	if (adds)
		return chunk_index_extend(store, writing->id, write->path, writing->version,
					  writing->bytes, err);
	return chunk_index_replace(store, writing->id, write->path, write->text, write->length,
				   err);
}

static int answer(struct store *store, const struct document_write *write, int64_t version,
		  enum write_outcome outcome, struct write_result *ret, struct error *err)
{
	int r = document_find(store, write->path, write->owner, version, &ret->document, err);

	if (r == 0)
		return FAIL(err, -EUCLEAN, "memory.db: a version that was written is not there");
	ret->outcome = outcome;
	return r < 0 ? r : 0;
}

int document_write(struct store *store, const struct document_write *write,
		   struct write_result *ret, struct error *err)
{
	CLEANUP(writing_fini) struct writing writing = { .write = write };
	int64_t repeated = 0;
	int r = document_find(store, write->path, write->owner, 0, &writing.before, err);

	*ret = (struct write_result){ 0 };
	if (r >= 0)
		r = find_repeated(store, &writing, &repeated, err);
	if (r < 0)
		return r;
	if (write->append && write->length == 0 && writing.before.path)
		repeated = writing.before.version; /* there is nothing to add */
	if (repeated > 0)
		return answer(store, write, repeated, WRITE_REPEATED, ret, err);
	if (write->expect_version >= 0 && write->expect_version != writing.before.version) {
		ret->outcome = WRITE_CONFLICT;
		ret->document = writing.before;
		writing.before = (struct document){ 0 };
		return 0;
	}
	r = piece_of(store, &writing, err);
	if (r >= 0)
		r = check_limits(store, &writing, ret, err);
	if (r < 0)
		return r;
	if (ret->limit) {
		ret->outcome = WRITE_OVER_LIMIT;
		return 0;
	}
	r = put(store, &writing, err);
	return r < 0 ? r : answer(store, write, 0, WRITE_DONE, ret, err);
}

int document_history(struct store *store, const char *path, int64_t owner, document_fn on_document,
		     void *data, struct error *err)
{
	static const char sql[] =
		"SELECT d.id, d.owner, v.version, v.bytes, d.created, v.created, d.path, v.labels,"
		" v.author FROM document d JOIN version v ON v.document = d.id"
		" WHERE d.path = ? AND d.owner = ? ORDER BY v.version DESC";
	auto_reset sqlite3_stmt *row = NULL;
	int r = store_run(store, sql, STORE_VALUES(STORE_TEXT(path), STORE_INT(owner)), &row, err);

	while (r == 1) {
		auto_document struct document document = { 0 };

		r = document_from_row(row, &document, err);
		if (r >= 0)
			r = on_document(&document, data, err);
		if (r >= 0)
			r = store_next(store, row, err);
	}
	return r;
}
