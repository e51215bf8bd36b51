/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-end-mark - whether a model's streamed answer has said its end (L6).
 *
 * Some servers keep the connection open behind it, and nothing more comes. A line of its own says
 * it in each protocol; inside a JSON string no line begins, so words of a model never do.
 *
 * Ownership  Embedded; the zero value is an answer of which nothing has come.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { END_MARK_BYTES = 96 };

struct end_mark {
	char tail[END_MARK_BYTES]; /* the last bytes that came */
	size_t n;
};

void end_mark_add(struct end_mark *mark, const char *bytes, size_t length);

/* True when what came so far ends with "data: [DONE]", or with the event message_stop. */
bool end_mark_is_seen(const struct end_mark *mark);
