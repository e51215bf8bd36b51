/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * inline-text - emphasis, code spans and links inside one line of Markdown (L7).
 *
 * Text streams through; only from an opening mark to its closing one it is held back, at most
 * INLINE_HELD_MAX bytes: a mark that is not closed in its line is an ordinary character, so nothing
 * a model wrote disappears. A link is shown with its address: what is written and where it leads
 * can differ.
 *
 * Ownership  Owns what is held.
 * Errors     -ENOMEM, -EMSGSIZE.
 * Tests      tests/unit/l7-shell/test-markdown.c, fuzz/fuzz-markdown.c.
 */
#pragma once

#include "l7-shell/wrap.h"

enum { INLINE_HELD_MAX = 4096 };

struct inline_text {
	struct buf held;
	char before; /* the byte in front of what is held; a space at the start */
};

void inline_init(struct inline_text *text);
void inline_fini(struct inline_text *text);

/* Harmless UTF-8, whole characters, without newline; style is what the block gives. */
must_check int inline_feed(struct inline_text *text, const char *bytes, size_t length,
			   unsigned style, struct wrap *wrap);
/* The line has ended: what is held is written as it stands. */
must_check int inline_end(struct inline_text *text, unsigned style, struct wrap *wrap);
