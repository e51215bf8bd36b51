/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * output-tail - the end of what a command wrote, kept for a question about it (L7).
 *
 * The newest OUTPUT_TAIL_BYTES stay in memory, as they came; nothing goes anywhere until the person
 * asks. output_tail_text() makes plain text of it: no escapes, what a carriage return or a
 * backspace overwrote is gone.
 *
 * Errors     -ENOMEM, -EMSGSIZE of out.
 * Tests      tests/unit/l7-shell/test-output-tail.c.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OUTPUT_TAIL_BYTES = 16 * 1024 };

struct output_tail {
	struct buf bytes;
	uint64_t total; /* of all that was written */
};

#define OUTPUT_TAIL ((struct output_tail){ .bytes = BUF(2 * OUTPUT_TAIL_BYTES) })

void output_tail_free(struct output_tail *tail);
/* Another command begins. */
void output_tail_begin(struct output_tail *tail);
must_check int output_tail_add(struct output_tail *tail, const char *bytes, size_t length);

/* Appends the text; *ret_cut: how many bytes at the front are missing. */
must_check int output_tail_text(const struct output_tail *tail, struct buf *out, uint64_t *ret_cut);
