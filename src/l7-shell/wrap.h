/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * wrap - styled words become lines of a given width (L7).
 *
 * Text arrives in runs of one style and leaves word by word: a word is written as soon as its end
 * is known, so an answer can be shown while it streams. Every line begins with a prefix (indent,
 * bullet, quote bar) and ends without attributes. A word longer than a line is not broken: a
 * terminal does that better, and an address stays one.
 *
 * Ownership  The wrap owns its buffers; out is the caller's and outlives it.
 * Errors     -ENOMEM, -EMSGSIZE.
 * Tests      tests/unit/l7-shell/test-markdown.c.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { WRAP_PREFIX_BYTES = 96, WRAP_WORD_BYTES_MAX = 64 * 1024 };

struct wrap {
	struct buf *out;
	size_t columns; /* 0: lines are never broken */
	bool attributes, colour;
	/* of the line being made */
	char first[WRAP_PREFIX_BYTES], rest[WRAP_PREFIX_BYTES]; /* first and later lines */
	unsigned prefix_style;
	bool begun; /* the prefix is written */
	size_t column;
	size_t spaces;
	unsigned style; /* in force at the end of out */
	struct buf word;
	size_t word_columns;
	unsigned word_first; /* style of its first character */
	unsigned word_style; /* in force at its end */
};

void wrap_init(struct wrap *wrap, struct buf *out, size_t columns, bool attributes, bool colour);
void wrap_fini(struct wrap *wrap);

/* The prefixes of the next line; a prefix that is too long is cut. */
void wrap_prefix(struct wrap *wrap, const char *first, const char *rest, unsigned style);

/* Harmless UTF-8 text, whole characters, without newline. */
must_check int wrap_text(struct wrap *wrap, unsigned style, const char *text, size_t length);

/* Something else was written meanwhile: the line goes on in a new one. */
must_check int wrap_resume(struct wrap *wrap);

/* Writes what is held and ends the line. */
must_check int wrap_end_line(struct wrap *wrap);

/* Columns of a finished line, the renderer's own escapes not counted. */
size_t wrap_line_columns(const char *line, size_t length);
