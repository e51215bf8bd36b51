/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/listing.h"

#include "base/cleanup.h"
#include "l3-clawfs/path.h"

#include <string.h>

struct listing {
	const char *folder;
	unsigned depth;
	document_fn on_document;
	void *data;
	struct document open; /* the folder whose documents are being summed up; path NULL: none */
	uint64_t left;
};

/* Length of the part of path that stands for a folder deeper than depth, with its "/"; 0: none. */
static size_t folded(const char *path, size_t root, unsigned depth)
{
	for (size_t i = root; path[i]; i++)
		if (path[i] == '/' && --depth == 0)
			return i + 1;
	return 0;
}

/* Gives one record; -EOVERFLOW when there were enough. */
static int give(struct listing *listing, const struct document *document, struct error *err)
{
	if (listing->left == 0)
		return -EOVERFLOW;
	listing->left--;
	return listing->on_document(document, listing->data, err);
}

static int give_open(struct listing *listing, struct error *err)
{
	int r = listing->open.path ? give(listing, &listing->open, err) : 0;

	document_fini(&listing->open);
	return r;
}

static int open_folder(struct listing *listing, const struct document *first, size_t length,
		       struct error *err)
{
	struct document folder = {
		.path = strndup(first->path, length),
		.labels = strdup("[]"),
		.author = strdup(""),
		.owner = first->owner,
		.created_us = first->created_us,
	};

	if (!folder.path || !folder.labels || !folder.author) {
		document_fini(&folder);
		return FAIL(err, -ENOMEM, "out of memory");
	}
	listing->open = folder;
	return 0;
}

static int add(struct listing *listing, const struct document *document, struct error *err)
{
	size_t length = folded(document->path, strlen(listing->folder), listing->depth);
	struct document *open = &listing->open;
	int r = 0;

	if (open->path && (length == 0 || strncmp(open->path, document->path, length) != 0 ||
			   open->path[length] != '\0'))
		r = give_open(listing, err);
	if (r < 0)
		return r;
	if (length == 0)
		return give(listing, document, err);
	if (!open->path)
		r = open_folder(listing, document, length, err);
	if (r < 0)
		return r;
	open->bytes += document->bytes;
	if (document->created_us < open->created_us)
		open->created_us = document->created_us;
	if (document->updated_us > open->updated_us)
		open->updated_us = document->updated_us;
	return 0;
}

int listing_read(struct store *store, const char *folder, int64_t owner, unsigned depth,
		 document_fn on_document, void *data, struct error *err)
{
	static const char sql[] = "SELECT " DOCUMENT_COLUMNS " FROM document"
				  " WHERE owner = ?1 AND path >= ?2 AND (?3 = '' OR path < ?3)"
				  " ORDER BY path";
	char from[PATH_BYTES + 2], to[PATH_BYTES + 2] = "";
	struct listing listing = {
		.folder = from,
		.depth = depth,
		.on_document = on_document,
		.data = data,
		.left = store_quotas(store)->list_entries,
	};
	auto_reset sqlite3_stmt *row = NULL;
	size_t n = strlen(folder);
	int r;

	memcpy(from, folder, n + 1);
	if (n > 0) { /* '0' is the byte behind '/' */
		memcpy(from + n, "/", 2);
		memcpy(to, folder, n);
		memcpy(to + n, "0", 2);
	}
	r = store_run(store, sql, STORE_VALUES(STORE_INT(owner), STORE_TEXT(from), STORE_TEXT(to)),
		      &row, err);
	while (r == 1) {
		auto_document struct document document = { 0 };

		r = document_from_row(row, &document, err);
		if (r >= 0)
			r = add(&listing, &document, err);
		if (r >= 0)
			r = store_next(store, row, err);
	}
	if (r >= 0)
		r = give_open(&listing, err);
	document_fini(&listing.open);
	return r == -EOVERFLOW ? 1 : r;
}
