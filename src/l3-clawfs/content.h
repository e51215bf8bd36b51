/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * content - the bytes of a version, put together from its pieces (L3).
 *
 * A version is stored whole (base == version) or as the piece it added to the version before it;
 * at most CONTENT_CHAIN pieces stand on one whole version, so an append writes what it adds.
 *
 * Source     spec/clawfs-store.md, "Versions".
 */
#pragma once

#include "base/buf.h"
#include "l3-clawfs/store.h"

enum { CONTENT_CHAIN = 64 };

/*
 * Adds the bytes [from, from + length) of a version to out (less when the version ends before).
 * -ENOENT when there is no such version.
 */
must_check int content_range(struct store *store, int64_t document, int64_t version, uint64_t from,
			     uint64_t length, struct buf *out, struct error *err);
