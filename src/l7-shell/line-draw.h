/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * line-draw - the line being typed, drawn below the output and taken away again (L7).
 *
 *     first words of an answer that is still com        the output ends anywhere in its line
 *       queued: and then?                                above
 *     ❯ what is typed, wrapped by columns                 the text behind its prompt
 *       and longer than a line                            hint
 *
 * Where the output ended is remembered by the terminal itself (DECSC), after room has been made
 * below; so the block can be erased and the output goes on exactly there, however wide the terminal
 * takes a character to be. For the same reason the cursor is put to its place by writing the front
 * of its row again. Rows are broken by the widest reading of each character and never by the
 * terminal.
 *
 * Ownership  Values only; what is drawn is appended to out.
 * Errors     -ENOMEM, -EMSGSIZE of out.
 * Source     ECMA-48 (CUU, ED, EL), DEC (IND, DECSC, DECRC).
 * Tests      tests/process/test-claw-terminal.py (on a model of a screen).
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* What is drawn; all texts are harmless. */
struct line_look {
	const char *prompt, *above, *hint; /* above: rows, each with its newline */
	size_t columns, rows;              /* of the terminal */
	bool attributes;
	bool below; /* the output has not ended its line */
	const char *text;
	size_t length, cursor;
};

struct line_drawing {
	bool drawn;
	bool simple; /* the cursor is at the end of all; used columns of the last row are known */
	size_t used, length;
	size_t top; /* first row of the text that is shown */
};

must_check int line_draw(struct line_drawing *drawing, const struct line_look *look,
			 struct buf *out);
/* The cursor goes back to where the output ended. */
must_check int line_draw_erase(struct line_drawing *drawing, bool below, struct buf *out);
/* Leaves prompt and text on the screen as output, with its newline. */
must_check int line_draw_leave(struct line_drawing *drawing, const struct line_look *look,
			       const char *mark, struct buf *out);
