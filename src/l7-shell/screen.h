/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * screen - where the shell writes: a terminal or a plain stream, and the only maker of escapes
 * (L7).
 *
 * Foreign text goes through screen_foreign(), which sanitises it; screen_own() is for the program's
 * own words. Styles cost nothing when the stream is no terminal or TERM is dumb; colours are left
 * out as well when NO_COLOR is set. A status line (screen_status) is erased before the next output.
 *
 * Ownership  The screen owns its buffer, not the descriptor.
 * Errors     Output that fails is remembered: screen_flush() returns it, later output is dropped.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum screen_style {
	STYLE_PLAIN = 0,
	STYLE_BOLD = 1 << 0,
	STYLE_DIM = 1 << 1,
	STYLE_ITALIC = 1 << 2,
	STYLE_UNDERLINE = 1 << 3,
	STYLE_STRIKE = 1 << 4,
	STYLE_CODE = 1 << 5, /* cyan */
	STYLE_HEAD = 1 << 6, /* blue */
	STYLE_GOOD = 1 << 7, /* green */
	STYLE_BAD = 1 << 8,  /* red */
	STYLE_ASK = 1 << 9,  /* yellow */
};

enum { SCREEN_COLUMNS_DEFAULT = 80, SCREEN_COLUMNS_MIN = 20, SCREEN_ROWS_DEFAULT = 24 };

struct screen {
	int fd;
	bool terminal; /* cursor and attributes may be used */
	bool colour;
	bool has_status; /* a status line stands below the output */
	bool at_start;   /* the cursor is in column 0 */
	unsigned columns, rows;
	unsigned style; /* in force */
	int failed;     /* -errno of the first write that failed */
	struct buf out;
};

/* Looks at the descriptor and the environment (TERM, NO_COLOR). */
void screen_open(struct screen *screen, int fd);
void screen_close(struct screen *screen);
/* Lines only, as on a terminal that can do nothing else. */
void screen_keep_plain(struct screen *screen);
/* Asks the terminal for its size again. */
void screen_measure(struct screen *screen);

/* Text that is already harmless: from the sanitiser or the renderer. */
void screen_put(struct screen *screen, unsigned style, const char *text, size_t length);
void screen_own(struct screen *screen, unsigned style, const char *fmt, ...) printf_like(3, 4);
/* Any text, sanitised for a line; max_columns 0: whole, else cut with an ellipsis. */
void screen_foreign(struct screen *screen, unsigned style, const char *text, size_t max_columns);
/* Any text, sanitised, newlines kept. */
void screen_foreign_block(struct screen *screen, unsigned style, const char *text, size_t length);
/* Ends the line unless the cursor is at its start. */
void screen_fresh_line(struct screen *screen);

/* One dim line that disappears with the next output; nothing on a plain stream. */
void screen_status(struct screen *screen, const char *text);
/* No output follows soon: a status line disappears. */
void screen_settle(struct screen *screen);

must_check int screen_flush(struct screen *screen, struct error *err);

/* Appends the change of attributes from one style to another; nothing when they are equal. */
must_check int screen_style_change(unsigned from, unsigned to, bool colour, struct buf *out);
