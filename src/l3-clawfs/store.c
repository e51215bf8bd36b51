/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/store.h"

#include "base/cleanup.h"
#include "l3-clawfs/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	STORE_STATEMENTS_MAX = 64,
	STORE_PATH_BYTES = 4096,
	STORE_SQL_BYTES = 64,
	/* A file up to this size is checked whole at every start. */
	STORE_CHECK_BYTES = 8 * 1024 * 1024,
};

struct kept_statement {
	const char *sql;
	sqlite3_stmt *stmt;
};

struct store {
	sqlite3 *db;
	struct quotas quotas;
	size_t n_kept;
	struct kept_statement kept[STORE_STATEMENTS_MAX];
};

static int code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return -EUCLEAN;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
		return -EROFS;
	default:
		return -EIO;
	}
}

static int fail(struct store *store, int rc, struct error *err)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
		return FAIL(err, -EBUSY, "memory.db is open in another clawfsd");
	case SQLITE_NOTADB:
		return FAIL(err, -EUCLEAN,
			    "memory.db is not a ClawFS store, or its head is damaged");
	default:
		return FAIL(err, code_of(rc), "memory.db: %s", sqlite3_errmsg(store->db));
	}
}

static int execute(struct store *store, const char *sql, struct error *err)
{
	int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : fail(store, rc, err);
}

static int find_statement(struct store *store, const char *sql, sqlite3_stmt **ret,
			  struct error *err)
{
	sqlite3_stmt *stmt;
	int rc;

	for (size_t i = 0; i < store->n_kept; i++) {
		if (store->kept[i].sql == sql) {
			*ret = store->kept[i].stmt;
			return 0;
		}
	}
	assert(store->n_kept < STORE_STATEMENTS_MAX); /* they are counted in the source */
	rc = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
	if (rc != SQLITE_OK)
		return fail(store, rc, err);
	store->kept[store->n_kept++] = (struct kept_statement){ .sql = sql, .stmt = stmt };
	*ret = stmt;
	return 0;
}

static int bind(sqlite3_stmt *stmt, int index, const struct store_value *value)
{
	if (!value->bytes)
		return sqlite3_bind_int64(stmt, index, value->integer);
	if (value->is_blob)
		return sqlite3_bind_blob64(stmt, index, value->bytes, value->length, SQLITE_STATIC);
	return sqlite3_bind_text64(stmt, index, value->bytes, value->length, SQLITE_STATIC,
				   SQLITE_UTF8);
}

int store_next(struct store *store, sqlite3_stmt *stmt, struct error *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return fail(store, rc, err);
}

int store_run(struct store *store, const char *sql, const struct store_value *values,
	      size_t n_values, sqlite3_stmt **ret, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int r = find_statement(store, sql, &stmt, err), rc = SQLITE_OK;

	if (ret)
		*ret = NULL;
	if (r < 0)
		return r;
	store_reset(&stmt);
	for (size_t i = 0; i < n_values && rc == SQLITE_OK; i++)
		rc = bind(stmt, (int)i + 1, &values[i]);
	r = rc == SQLITE_OK ? store_next(store, stmt, err) : fail(store, rc, err);
	if (r == 1 && ret)
		*ret = stmt;
	else
		store_reset(&stmt); /* no binding outlives the bytes it borrows */
	return r;
}

void store_reset(sqlite3_stmt **stmt)
{
	if (*stmt) {
		(void)sqlite3_reset(*stmt); /* repeats the error of the step, which was reported */
		(void)sqlite3_clear_bindings(*stmt);
	}
}

int store_count(struct store *store, const char *sql, const struct store_value *values,
		size_t n_values, int64_t *ret, struct error *err)
{
	auto_reset sqlite3_stmt *row = NULL;
	int r = store_run(store, sql, values, n_values, &row, err);

	if (r < 0)
		return r;
	*ret = r == 1 ? sqlite3_column_int64(row, 0) : 0;
	return 0;
}

const char *store_column_text(sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	return text ? (const char *)text : "";
}

int store_begin(struct store *store, struct error *err)
{
	static const char sql[] = "BEGIN IMMEDIATE";

	return sqlite3_get_autocommit(store->db) ? store_run(store, sql, NULL, 0, NULL, err) : 0;
}

int store_commit(struct store *store, struct error *err)
{
	static const char sql[] = "COMMIT";

	return sqlite3_get_autocommit(store->db) ? 0 : store_run(store, sql, NULL, 0, NULL, err);
}

void store_rollback(struct store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		(void)execute(store, "ROLLBACK", NULL); /* SQLite did it itself if this fails */
}

bool store_is_open(const struct store *store)
{
	return !sqlite3_get_autocommit(store->db);
}

int store_mark(struct store *store, struct error *err)
{
	static const char sql[] = "SAVEPOINT unit";

	return store_run(store, sql, NULL, 0, NULL, err);
}

int store_keep(struct store *store, struct error *err)
{
	static const char sql[] = "RELEASE unit";

	return store_run(store, sql, NULL, 0, NULL, err);
}

void store_undo(struct store *store)
{
	/* Fails only when SQLite has rolled back the whole transaction already. */
	(void)execute(store, "ROLLBACK TO unit; RELEASE unit", NULL);
}

static int pragma(struct store *store, const char *sql, int64_t *ret, struct error *err)
{
	return store_count(store, sql, NULL, 0, ret, err);
}

/* Reads what the file says about itself, before anything in it is touched. */
static int check_identity(struct store *store, int64_t *ret_version, struct error *err)
{
	static const char sql_id[] = "PRAGMA application_id", sql_version[] = "PRAGMA user_version",
			  sql_tables[] = "SELECT count(*) FROM sqlite_schema";
	int64_t id, version, tables;
	int r = pragma(store, sql_id, &id, err);

	if (r >= 0)
		r = pragma(store, sql_version, &version, err);
	if (r >= 0)
		r = pragma(store, sql_tables, &tables, err);
	if (r < 0)
		return r;
	if (tables == 0 && id == 0 && version == 0) {
		*ret_version = 0;
		return 0;
	}
	if (id != SCHEMA_APPLICATION_ID)
		return FAIL(err, -EUCLEAN, "memory.db is a database, but not a ClawFS store");
	if (version < 0 || (uint64_t)version > schema_version)
		return FAIL(err, -ENOTSUP,
			    "memory.db has schema %lld, this clawfsd knows up to %zu: it was left "
			    "untouched; use the newer version that made it",
			    (long long)version, schema_version);
	*ret_version = version;
	return 0;
}

static int migrate(struct store *store, int64_t version, struct error *err)
{
	char sql[STORE_SQL_BYTES];

	for (; (uint64_t)version < schema_version; version++) {
		int r = store_begin(store, err);

		(void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%lld",
			       (long long)version + 1);
		if (r >= 0)
			r = execute(store, schema_steps[version], err);
		if (r >= 0)
			r = execute(store, sql, err);
		(void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d", SCHEMA_APPLICATION_ID);
		if (r >= 0)
			r = execute(store, sql, err);
		if (r >= 0)
			r = store_commit(store, err);
		if (r < 0) {
			store_rollback(store);
			return error_prefix(err, "schema step %lld", (long long)version + 1);
		}
	}
	return 0;
}

/* Every page is looked at while that costs a few milliseconds; larger files are checked as read. */
static int check_whole(struct store *store, const char *path, struct error *err)
{
	static const char sql[] = "PRAGMA quick_check(1)";
	auto_reset sqlite3_stmt *row = NULL;
	struct stat st;
	int r;

	if (stat(path, &st) < 0 || st.st_size > STORE_CHECK_BYTES)
		return 0;
	r = store_run(store, sql, NULL, 0, &row, err);
	if (r < 0)
		return r;
	if (r == 1 && strcmp(store_column_text(row, 0), "ok") != 0) {
		const char *found = store_column_text(row, 0), *line = strchr(found, '\n');

		return FAIL(err, -EUCLEAN, "memory.db is damaged: %.120s", line ? line + 1 : found);
	}
	return 0;
}

static int set_up(struct store *store, const char *path, struct error *err)
{
	static const char sql_wal[] = "PRAGMA journal_mode=WAL";
	auto_reset sqlite3_stmt *row = NULL;
	int64_t version = 0;
	int r;

	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* Until the file is known to be ours, closing it must not write to it either. */
	(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	r = execute(store, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA cell_size_check=ON;", err);
	if (r >= 0)
		r = check_identity(store, &version, err);
	if (r < 0)
		return r;
	r = store_run(store, sql_wal, NULL, 0, &row, err);
	if (r >= 0 && (r != 1 || strcmp(store_column_text(row, 0), "wal") != 0))
		return FAIL(err, -EIO, "memory.db: no write-ahead log on this file system");
	store_reset(&row);
	if (r >= 0)
		r = execute(store,
			    "PRAGMA synchronous=FULL; PRAGMA cache_size=-512;"
			    "PRAGMA journal_size_limit=1048576; PRAGMA foreign_keys=ON;"
			    "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=ON;",
			    err);
	if (r >= 0)
		r = check_whole(store, path, err);
	if (r >= 0)
		r = migrate(store, version, err);
	if (r >= 0)
		(void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return r;
}

int store_open(const char *dir, const struct quotas *quotas, struct store **ret, struct error *err)
{
	struct store *store = calloc(1, sizeof(*store));
	char path[STORE_PATH_BYTES];
	int n = snprintf(path, sizeof(path), "%s/memory.db", dir);
	int r, rc;

	if (!store)
		return FAIL(err, -ENOMEM, "out of memory");
	store->quotas = *quotas;
	if (n < 0 || (size_t)n >= sizeof(path)) {
		store_close(store);
		return FAIL(err, -ENAMETOOLONG, "the path of the state folder is too long");
	}
	rc = sqlite3_open_v2(path, &store->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE,
			     NULL);
	if (rc != SQLITE_OK)
		r = FAIL(err, code_of(rc), "%s cannot be opened: %s", path, sqlite3_errstr(rc));
	else
		r = set_up(store, path, err);
	if (r < 0) {
		store_close(store);
		return r;
	}
	*ret = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->db) /* else there was no memory for it */
		store_rollback(store);
	for (size_t i = 0; i < store->n_kept; i++)
		(void)sqlite3_finalize(store->kept[i].stmt); /* repeats the last run's error */
	(void)sqlite3_close(store->db);                      /* nothing of it is in use any more */
	free(store);
}

sqlite3 *store_db(struct store *store)
{
	return store->db;
}

const struct quotas *store_quotas(const struct store *store)
{
	return &store->quotas;
}
