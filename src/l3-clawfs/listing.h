/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * listing - the documents below a folder, to a depth (L3).
 */
#pragma once

#include "l3-clawfs/documents.h"

/*
 * The documents below a folder ("" is the root) by path. What lies more than depth names below it
 * is one record per folder: path ends in "/", version 0, with the bytes and the times of what is in
 * it. Returns 1 when there are more than quotas.list_entries (that many were given), else 0.
 */
must_check int listing_read(struct store *store, const char *folder, int64_t owner, unsigned depth,
			    document_fn on_document, void *data, struct error *err);
