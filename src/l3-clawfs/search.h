/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * search - the newest versions, by text (L3).
 *
 * Chunks that have every term come first; when they are too few, those that have any; when there is
 * none, those with a word that begins like a term. Each hit shows an excerpt and where it stands.
 *
 * Ownership  struct searcher ends before its store.
 * Source     spec/clawfs-store.md, "Search".
 * Tests      tests/unit/l3-clawfs/test-search.c
 */
#pragma once

#include "l3-clawfs/documents.h"
#include "l3-clawfs/store.h"

enum { SEARCH_LIMIT_MAX = 100 };

struct searcher;
must_check int searcher_open(struct store *store, struct searcher **ret, struct error *err);
void searcher_close(struct searcher *searcher); /* NULL-tolerant */

struct hit {
	const struct document *document; /* the newest version */
	uint64_t offset;                 /* of the excerpt in the document */
	const char *text;                /* the excerpt; not NUL-terminated */
	size_t length;
	double score; /* 0 to 1 */
};
/* Called for each hit, best first; everything in it is borrowed until it returns. 0 to go on. */
typedef int (*hit_fn)(const struct hit *hit, void *data, struct error *err);

/* labels is a set (labels.h): only documents that carry all of them. limit: 1 to SEARCH_LIMIT_MAX.
 */
must_check int search(struct searcher *searcher, const char *text, size_t length, unsigned limit,
		      const char *labels, hit_fn on_hit, void *data, struct error *err);
