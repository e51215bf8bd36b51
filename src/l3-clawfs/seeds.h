/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * seeds - the documents every memory begins with (L3), from share/seeds (spec/seeds/ in the tree).
 */
#pragma once

#include "l3-clawfs/documents.h"

/* Makes those of the well-known documents that are absent, in one transaction. */
must_check int seeds_plant(struct store *store, const char *share_dir, int64_t owner,
			   uint64_t now_us, struct error *err);
