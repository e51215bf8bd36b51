/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * result - what the model is shown of a tool's result: all of it, or head and tail (L6).
 *
 * The same content, limit and id give the same bytes: a conversation that is read back from the
 * journal is the conversation that was.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum { RESULT_LIMIT_MIN = 256 };

/*
 * Appends content, repaired to UTF-8, cut to about limit bytes: two thirds head, one third tail,
 * and between them how much is left out and how result_read shows it. id is the sequence number of
 * the record that keeps the whole.
 */
must_check int result_show(const char *content, size_t length, size_t limit, uint64_t id,
			   struct buf *out);

/* Appends what the model is told beside the result; NULL: nothing. */
must_check int result_add_told(struct buf *out, const char *told);

/* "r42" is the result kept by record 42. */
bool result_id_parse(const char *text, uint64_t *ret);
