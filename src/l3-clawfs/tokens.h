/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tokens - cuts text into the same tokens as the index does, with FTS5's own tokenizers (L3).
 *
 * Ownership  struct tokens belongs to the caller and ends before its database is closed.
 * Threads    None.
 */
#pragma once

#include "base/error.h"

#include <sqlite3.h>
#include <stddef.h>

/* TOKENS_FOLDED: lower case, without diacritics. TOKENS_STEMMED: also Porter's stem, as indexed. */
enum tokens_kind { TOKENS_FOLDED, TOKENS_STEMMED };

struct tokens;
must_check int tokens_open(sqlite3 *db, enum tokens_kind kind, struct tokens **ret,
			   struct error *err);
void tokens_close(struct tokens *tokens); /* NULL-tolerant */

/* token is not NUL-terminated; [start, end) is where it stands in the text. 0 to go on. */
typedef int (*token_fn)(void *data, const char *token, size_t length, size_t start, size_t end);

/* Returns 0, or what on_token returned to stop (> 0), or -ENOMEM. Any bytes are text here. */
must_check int tokens_read(struct tokens *tokens, const char *text, size_t length,
			   token_fn on_token, void *data);

/* FTS5's interface of this database; borrowed. */
must_check int tokens_fts5(sqlite3 *db, fts5_api **ret, struct error *err);
