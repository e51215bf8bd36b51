/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/questions.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <string.h>

/* Questions made before this have expired. */
static uint64_t oldest_valid(struct store *store, uint64_t now_us)
{
	uint64_t span = store_quotas(store)->question_seconds * CLOCK_SECOND_US;

	return now_us > span ? now_us - span : 0;
}

static int drop_expired(struct store *store, uint64_t now_us, struct error *err)
{
	static const char sql[] = "DELETE FROM question WHERE created < ?";

	return store_run(store, sql, STORE_VALUES(STORE_INT(oldest_valid(store, now_us))), NULL,
			 err);
}

static int write_action(struct store *store, const struct document_write *write, struct buf *out,
			struct error *err)
{
	auto_document struct document before = { 0 };
	int r = document_find(store, write->path, write->owner, 0, &before, err);

	if (r < 0)
		return r;
	if (r == 0)
		r = buf_printf(out, "make %s (%zu bytes):\n", write->path, write->length);
	else if (write->append)
		r = buf_printf(out, "add %zu bytes to %s (version %lld):\n", write->length,
			       write->path, (long long)before.version);
	else
		r = buf_printf(out, "replace %s (version %lld, %llu bytes) by %zu bytes:\n",
			       write->path, (long long)before.version,
			       (unsigned long long)before.bytes, write->length);
	if (r >= 0)
		r = buf_add(out, write->text, write->length);
	return r < 0 ? FAIL(err, r, "the question does not fit") : 0;
}

static int find_same(struct store *store, const struct document_write *write, int64_t version,
		     int64_t *ret, struct error *err)
{
	static const char sql[] =
		"SELECT id FROM question WHERE path = ? AND version = ? AND append = ?"
		" AND labels = ? AND content = ? AND answer = 0 ORDER BY id DESC LIMIT 1";

	return store_count(store, sql,
			   STORE_VALUES(STORE_TEXT(write->path), STORE_INT(version),
					STORE_INT(write->append), STORE_TEXT(write->labels),
					STORE_BLOB(write->text, write->length)),
			   ret, err);
}

static int put(struct store *store, const struct document_write *write, int64_t version,
	       const struct buf *action, int64_t *ret_id, struct error *err)
{
	static const char sql[] =
		"INSERT INTO question(path, version, append, labels, content, action, created,"
		" answer) VALUES(?, ?, ?, ?, ?, ?, ?, 0)";
	int r = store_run(store, sql,
			  STORE_VALUES(STORE_TEXT(write->path), STORE_INT(version),
				       STORE_INT(write->append), STORE_TEXT(write->labels),
				       STORE_BLOB(write->text, write->length),
				       STORE_TEXT(buf_string(action)), STORE_INT(write->now_us)),
			  NULL, err);

	if (r >= 0)
		*ret_id = sqlite3_last_insert_rowid(store_db(store));
	return r;
}

int question_ask(struct store *store, const struct document_write *write, int64_t *ret_id,
		 struct buf *ret_action, enum question_outcome *ret, struct error *err)
{
	static const char sql_waiting[] = "SELECT count(*) FROM question WHERE answer = 0";
	int64_t version = 0, waiting = 0;
	int r = drop_expired(store, write->now_us, err);

	*ret = QUESTION_ASKED;
	*ret_id = 0;
	if (r >= 0)
		r = write_action(store, write, ret_action, err);
	if (r >= 0)
		r = document_version(store, write->path, write->owner, &version, err);
	if (r >= 0)
		r = find_same(store, write, version, ret_id, err);
	if (r >= 0)
		r = store_count(store, sql_waiting, NULL, 0, &waiting, err);
	if (r < 0 || *ret_id > 0)
		return r;
	if ((uint64_t)waiting >= store_quotas(store)->questions) {
		*ret = QUESTION_TOO_MANY;
		return 0;
	}
	return put(store, write, version, ret_action, ret_id, err);
}

static bool is_same_bytes(sqlite3_stmt *row, int column, const char *bytes, size_t length)
{
	return (size_t)sqlite3_column_bytes(row, column) == length &&
	       (length == 0 || memcmp(sqlite3_column_blob(row, column), bytes, length) == 0);
}

int question_judge(struct store *store, int64_t id, const struct document_write *write,
		   struct buf *ret_action, enum question_verdict *ret, struct error *err)
{
	static const char sql[] =
		"SELECT answer, path, version, append, labels, content, action FROM question"
		" WHERE id = ? AND created >= ?";
	auto_reset sqlite3_stmt *row = NULL;
	int64_t version = 0;
	bool same;
	int r = document_version(store, write->path, write->owner, &version, err);

	if (r >= 0)
		r = store_run(
			store, sql,
			STORE_VALUES(STORE_INT(id), STORE_INT(oldest_valid(store, write->now_us))),
			&row, err);
	if (r < 0)
		return r;
	*ret = VERDICT_UNKNOWN;
	if (r == 0)
		return 0;
	same = strcmp(store_column_text(row, 1), write->path) == 0 &&
	       sqlite3_column_int64(row, 2) == version &&
	       (sqlite3_column_int64(row, 3) != 0) == write->append &&
	       strcmp(store_column_text(row, 4), write->labels) == 0 &&
	       is_same_bytes(row, 5, write->text, write->length);
	if (!same)
		*ret = VERDICT_OTHER;
	else if (sqlite3_column_int64(row, 0) == QUESTION_ALLOWED)
		*ret = VERDICT_GRANTED;
	else if (sqlite3_column_int64(row, 0) == QUESTION_REFUSED)
		*ret = VERDICT_REFUSED;
	else
		*ret = VERDICT_WAITS;
	if (*ret == VERDICT_WAITS && buf_add_string(ret_action, store_column_text(row, 6)) < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	return 0;
}

int question_use(struct store *store, int64_t id, struct error *err)
{
	static const char sql[] = "DELETE FROM question WHERE id = ?";

	return store_run(store, sql, STORE_VALUES(STORE_INT(id)), NULL, err);
}

/* 1 the question is about this text, 0 there is no such question. */
static int check_action(struct store *store, int64_t id, const char *action, struct error *err)
{
	static const char sql[] = "SELECT action FROM question WHERE id = ?";
	auto_reset sqlite3_stmt *row = NULL;
	int r = store_run(store, sql, STORE_VALUES(STORE_INT(id)), &row, err);

	if (r == 1 && strcmp(store_column_text(row, 0), action) != 0)
		return FAIL(err, -EKEYREJECTED, "the question is not about what was shown");
	return r;
}

int question_answer(struct store *store, int64_t id, bool allow, const char *action,
		    uint64_t now_us, struct error *err)
{
	static const char sql[] = "UPDATE question SET answer = ? WHERE id = ? AND created >= ?";
	int r = check_action(store, id, action, err);

	if (r <= 0)
		return r;
	r = store_run(store, sql,
		      STORE_VALUES(STORE_INT(allow ? QUESTION_ALLOWED : QUESTION_REFUSED),
				   STORE_INT(id), STORE_INT(oldest_valid(store, now_us))),
		      NULL, err);

	return r < 0 ? r : sqlite3_changes(store_db(store)) > 0;
}

int question_list(struct store *store, uint64_t now_us, question_fn on_question, void *data,
		  struct error *err)
{
	static const char sql[] = "SELECT id, path, action, created, answer FROM question"
				  " WHERE created >= ? ORDER BY id";
	auto_reset sqlite3_stmt *row = NULL;
	int r = store_run(store, sql, STORE_VALUES(STORE_INT(oldest_valid(store, now_us))), &row,
			  err);

	while (r == 1) {
		const struct question question = {
			.id = sqlite3_column_int64(row, 0),
			.path = store_column_text(row, 1),
			.action = store_column_text(row, 2),
			.created_us = (uint64_t)sqlite3_column_int64(row, 3),
			.answer = sqlite3_column_int(row, 4),
		};

		r = on_question(&question, data, err);
		if (r >= 0)
			r = store_next(store, row, err);
	}
	return r;
}
