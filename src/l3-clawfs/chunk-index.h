/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * chunk-index - keeps the text index in step with the newest version of each document (L3).
 *
 * Called inside the transaction of the write, so the index is never behind the documents.
 */
#pragma once

#include "l3-clawfs/store.h"

/* A document was replaced by text. */
must_check int chunk_index_replace(struct store *store, int64_t document, const char *path,
				   const char *text, size_t length, struct error *err);

/* A document was extended; version is the newest one, already stored, with `bytes` bytes. */
must_check int chunk_index_extend(struct store *store, int64_t document, const char *path,
				  int64_t version, uint64_t bytes, struct error *err);
