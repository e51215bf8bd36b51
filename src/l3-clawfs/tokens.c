/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/tokens.h"

#include "base/cleanup.h"

#include <assert.h>
#include <limits.h>

struct tokens {
	fts5_tokenizer methods;
	Fts5Tokenizer *tokenizer;
};

struct reading {
	token_fn on_token;
	void *data;
	int stopped;
};

int tokens_fts5(sqlite3 *db, fts5_api **ret, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	fts5_api *api = NULL;
	int rc = sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_pointer(stmt, 1, &api, "fts5_api_ptr", NULL);
	if (rc == SQLITE_OK)
		(void)sqlite3_step(stmt); /* api tells whether it worked */
	(void)sqlite3_finalize(stmt);
	if (!api)
		return FAIL(err, -ENOSYS, "this SQLite has no FTS5");
	*ret = api;
	return 0;
}

int tokens_open(sqlite3 *db, enum tokens_kind kind, struct tokens **ret, struct error *err)
{
	static const char *const folded[] = { "remove_diacritics", "2" };
	static const char *const stemmed[] = { "unicode61", "remove_diacritics", "2" };
	const char *arguments[3];
	int n = kind == TOKENS_STEMMED ? 3 : 2, rc;
	struct tokens *tokens = calloc(1, sizeof(*tokens));
	fts5_api *api = NULL;
	void *user;
	int r;

	if (!tokens)
		return FAIL(err, -ENOMEM, "out of memory");
	for (int i = 0; i < n; i++)
		arguments[i] = kind == TOKENS_STEMMED ? stemmed[i] : folded[i];
	r = tokens_fts5(db, &api, err);
	if (r != 0) {
		free(tokens);
		return r;
	}
	assert(api);
	rc = api->xFindTokenizer(api, kind == TOKENS_STEMMED ? "porter" : "unicode61", &user,
				 &tokens->methods);
	if (rc == SQLITE_OK)
		rc = tokens->methods.xCreate(user, arguments, n, &tokens->tokenizer);
	if (rc != SQLITE_OK) {
		free(tokens);
		return FAIL(err, -ENOMEM, "the tokenizer could not be made");
	}
	*ret = tokens;
	return 0;
}

void tokens_close(struct tokens *tokens)
{
	if (!tokens)
		return;
	tokens->methods.xDelete(tokens->tokenizer);
	free(tokens);
}

static int on_fts5_token(void *data, int flags, const char *token, int length, int start, int end)
{
	struct reading *reading = data;

	(void)flags;
	reading->stopped =
		reading->on_token(reading->data, token, (size_t)length, (size_t)start, (size_t)end);
	return reading->stopped ? SQLITE_ABORT : SQLITE_OK;
}

int tokens_read(struct tokens *tokens, const char *text, size_t length, token_fn on_token,
		void *data)
{
	struct reading reading = { .on_token = on_token, .data = data };
	int rc;

	if (length > INT_MAX)
		return -EMSGSIZE;
	rc = tokens->methods.xTokenize(tokens->tokenizer, &reading, FTS5_TOKENIZE_AUX, text,
				       (int)length, on_fts5_token);
	if (reading.stopped)
		return reading.stopped;
	return rc == SQLITE_OK ? 0 : -ENOMEM;
}
