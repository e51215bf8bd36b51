/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * blob - the parts of records that are too large for a record, by their SHA-256 (L6).
 *
 * blobs/<hash> beside the segments; new ones are written under blobs/new/ and get their name when
 * they have been synced, so a name always stands for the whole content. The same content is kept
 * once.
 *
 * Ownership  The store borrows dir_fd.
 * Errors     -errno of the file system; -EBADMSG when a blob is not what its name says; -EMSGSIZE
 *            over BLOB_BYTES_MAX.
 * Source     spec/journal.md
 */
#pragma once

#include "base/buf.h"
#include "base/sha256.h"

enum { BLOB_BYTES_MAX = 64 * 1024 * 1024 };

struct blob_store;

/* Makes blobs/ below dir_fd when it is not there, and sweeps what a crash left unnamed. */
must_check int blob_store_open(int dir_fd, struct blob_store **ret, struct error *err);
void blob_store_close(struct blob_store *store);

/* Writes the content unless it is there. It is durable after the next blob_sync(). */
must_check int blob_put(struct blob_store *store, const void *bytes, size_t length,
			uint8_t ret_hash[SHA256_BYTES]);

/* Appends the content to out. -ENOENT when there is none of that hash. */
must_check int blob_get(struct blob_store *store, const uint8_t hash[SHA256_BYTES],
			struct buf *out);

/* Makes everything put so far durable; returns how many fsyncs that took. */
must_check int blob_sync(struct blob_store *store);

uint64_t blob_count_written(const struct blob_store *store);
