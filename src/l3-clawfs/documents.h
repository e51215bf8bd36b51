/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * documents - versioned documents: write, read, list, history (L3).
 *
 * Every write makes a version and keeps the former ones. Nothing here opens a transaction: the
 * caller does, and may put several writes into one.
 *
 * Ownership  document_fini() frees the strings of a record, not the struct.
 * Errors     Those of the store. What a caller has to expect is an enum.
 * Source     spec/clawfs-store.md
 * Tests      tests/unit/l3-clawfs/test-documents.c
 */
#pragma once

#include "base/buf.h"
#include "l3-clawfs/store.h"

struct document {
	int64_t id;                   /* of the row; 0 for a folder in a listing */
	char *path, *labels, *author; /* labels: a JSON array of strings, sorted */
	int64_t owner, version;
	uint64_t bytes, created_us, updated_us;
};
void document_fini(struct document *document);
#define auto_document CLEANUP(document_fini)

struct document_write {
	const char *path; /* normalised */
	int64_t owner;
	const char *text; /* UTF-8; not NUL-terminated */
	size_t length;
	bool append; /* begins on a line of its own when the document does not end in one */
	const char
		*labels; /* a JSON array of strings, sorted; an append keeps the former ones too */
	const char *author;
	int64_t expect_version; /* 0: it must be absent; -1: any */
	uint64_t now_us;
};

enum write_outcome {
	WRITE_DONE,
	WRITE_REPEATED, /* the same write of the same tool call was there already; nothing changed
			 */
	WRITE_CONFLICT, /* ret has the version that is there */
	WRITE_OVER_LIMIT,
};

struct write_result {
	enum write_outcome outcome;
	struct document document; /* not with WRITE_OVER_LIMIT */
	const char *limit;        /* key of the quota; static */
	uint64_t limit_value;
};

/* On failure the transaction holds half of the write: the caller undoes it (store_undo()). */
must_check int document_write(struct store *store, const struct document_write *write,
			      struct write_result *ret, struct error *err);

/* The record of a document at a version (0: the newest). Returns 1, or 0 when there is none. */
must_check int document_find(struct store *store, const char *path, int64_t owner, int64_t version,
			     struct document *ret, struct error *err);

/* Called for each record, in order; the record is the caller's until it returns. 0 to go on. */
typedef int (*document_fn)(const struct document *document, void *data, struct error *err);

/* The kept versions, newest first. */
must_check int document_history(struct store *store, const char *path, int64_t owner,
				document_fn on_document, void *data, struct error *err);

/* The newest version, 0 when the document is absent. */
must_check int document_version(struct store *store, const char *path, int64_t owner, int64_t *ret,
				struct error *err);

/* For the modules of this layer: a row of these columns, in this order, as a record. */
#define DOCUMENT_COLUMNS "id, owner, version, bytes, created, updated, path, labels, author"
must_check int document_from_row(sqlite3_stmt *row, struct document *ret, struct error *err);
