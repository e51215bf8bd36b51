/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * excerpt - the part of a chunk that shows why it was found (L3).
 *
 * At most EXCERPT_BYTES around the place with the most different terms of the query, widened to
 * whole lines, else to whole words. Always at character boundaries.
 */
#pragma once

#include "l3-clawfs/query.h"
#include "l3-clawfs/tokens.h"

enum { EXCERPT_BYTES = 400 };

/* stemmed is of kind TOKENS_STEMMED; text is UTF-8. The excerpt is text[*ret_start, + *ret_length).
 */
must_check int excerpt_find(struct tokens *stemmed, const struct query *query, const char *text,
			    size_t length, size_t *ret_start, size_t *ret_length,
			    struct error *err);
