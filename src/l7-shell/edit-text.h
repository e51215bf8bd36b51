/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * edit-text - a text with a cursor, moved and cut by what a person takes for one character (L7).
 *
 * The cursor stands between clusters (glyph.h), never inside one. Lines are those of the text, not
 * of the screen.
 *
 * Ownership  edit_text_free() releases both buffers.
 * Errors     -ENOMEM; -EMSGSIZE: the text is as long as it may be, nothing was changed.
 * Tests      tests/unit/l7-shell/test-edit-text.c.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { EDIT_TEXT_BYTES_MAX = 1024 * 1024 };

struct edit_text {
	struct buf text;
	size_t cursor;
	struct buf killed; /* what edit_text_yank() puts back */
};

#define EDIT_TEXT \
	((struct edit_text){ .text = BUF(EDIT_TEXT_BYTES_MAX), .killed = BUF(EDIT_TEXT_BYTES_MAX) })

void edit_text_free(struct edit_text *edit);

must_check int edit_text_insert(struct edit_text *edit, const char *text, size_t length);
/* Replaces everything; the cursor goes to the end. */
must_check int edit_text_set(struct edit_text *edit, const char *text);

/* Empties the text; what was killed stays. */
void edit_text_clear(struct edit_text *edit);

/* Where the cursor would go; the names say all. */
size_t edit_text_left(const struct edit_text *edit);
size_t edit_text_right(const struct edit_text *edit);
size_t edit_text_word_left(const struct edit_text *edit);
size_t edit_text_word_right(const struct edit_text *edit);
size_t edit_text_line_start(const struct edit_text *edit);
size_t edit_text_line_end(const struct edit_text *edit);

/* One line of the text up or down, in about the same column; false: there is none. */
bool edit_text_up(struct edit_text *edit);
bool edit_text_down(struct edit_text *edit);

/* Removes what lies between the cursor and `other`, which was one of the places above. */
void edit_text_remove(struct edit_text *edit, size_t other);
/* The same, kept for edit_text_yank(). */
must_check int edit_text_kill(struct edit_text *edit, size_t other);
must_check int edit_text_yank(struct edit_text *edit);
/* Exchanges the characters around the cursor. */
must_check int edit_text_transpose(struct edit_text *edit);
