/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * store - the database file under everything: opening, kept statements, transactions (L3).
 *
 * One SQLite file in WAL mode with synchronous=FULL, locked for as long as it is open: a second
 * opener is refused. What a committed transaction holds survives a kill and a power cut; what was
 * not committed is wholly absent.
 *
 * Ownership  Statements belong to the store. store_run() hands out one that stands on a row; it has
 *            to be reset (auto_reset) before the store is used for long, as it holds a read
 *            transaction open.
 * Errors     -EUCLEAN damaged or not ours, -EBUSY another process has it, -ENOSPC, -EROFS, -ENOMEM,
 *            -EIO; -ENOTSUP a newer schema. After -EUCLEAN or -EIO the process has to end.
 * Threads    None.
 * Source     spec/clawfs-store.md
 * Tests      tests/unit/l3-clawfs/test-store.c
 */
#pragma once

#include "base/error.h"
#include "l3-clawfs/quotas.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* Opens dir/memory.db, made when absent, and brings its schema up to date. limits are copied. */
must_check int store_open(const char *dir, const struct quotas *quotas, struct store **ret,
			  struct error *err);
void store_close(struct store *store); /* NULL-tolerant; rolls back what is not committed */

sqlite3 *store_db(struct store *store);                       /* borrowed */
const struct quotas *store_quotas(const struct store *store); /* borrowed */

/* One parameter of a statement. Bytes are borrowed until the statement is reset. */
struct store_value {
	const void *bytes; /* NULL: an integer */
	size_t length;
	int64_t integer;
	bool is_blob;
};
#define STORE_INT(value_) ((struct store_value){ .integer = (int64_t)(value_) })
#define STORE_TEXT(string_) ((struct store_value){ .bytes = (string_), .length = strlen(string_) })
#define STORE_BLOB(bytes_, length_) \
	((struct store_value){ .bytes = (bytes_), .length = (length_), .is_blob = true })
#define STORE_VALUES(...) \
	(const struct store_value[]){ __VA_ARGS__ }, \
		sizeof((const struct store_value[]){ __VA_ARGS__ }) / sizeof(struct store_value)

/*
 * Runs the statement sql (static storage: it is prepared once and known by its address) with its
 * parameters bound in order. Returns 1 with *ret on the first row, 0 when there is none (*ret is
 * then NULL). ret may be NULL for a statement that gives no rows.
 */
must_check int store_run(struct store *store, const char *sql, const struct store_value *values,
			 size_t n_values, sqlite3_stmt **ret, struct error *err);
/* The next row: 1, or 0 behind the last one. */
must_check int store_next(struct store *store, sqlite3_stmt *stmt, struct error *err);
void store_reset(sqlite3_stmt **stmt); /* NULL-tolerant */
#define auto_reset CLEANUP(store_reset)

/* The first column of the first row; 0 when there is no row. */
must_check int store_count(struct store *store, const char *sql, const struct store_value *values,
			   size_t n_values, int64_t *ret, struct error *err);

/* Begins a transaction unless one is open. */
must_check int store_begin(struct store *store, struct error *err);
/* Makes what was done since store_begin() durable; no-op without a transaction. */
must_check int store_commit(struct store *store, struct error *err);
void store_rollback(struct store *store);
/* False behind a failure that made SQLite roll back by itself: what was kept before is gone too. */
bool store_is_open(const struct store *store);

/* One unit inside the transaction: store_undo() takes back what came after store_mark(). */
must_check int store_mark(struct store *store, struct error *err);
must_check int store_keep(struct store *store, struct error *err);
void store_undo(struct store *store);

/* Text of a column, "" for NULL; borrowed until the statement moves. */
const char *store_column_text(sqlite3_stmt *stmt, int column);
