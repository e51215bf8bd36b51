/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sanitise - text of a model, a tool or a file becomes text that cannot act on a terminal (L7).
 *
 * What comes out is valid UTF-8 without control characters (C0, DEL, C1) other than newline and
 * tab, and without characters nobody can see (bidirectional controls, zero-width and tag
 * characters, fillers). They are shown as escapes: \x1b for a byte or C0, \u{202e} for the rest. A
 * carriage return in front of a newline is dropped. Joiners and the two emoji selectors stay where
 * they shape visible characters.
 *
 * This module is the only way for foreign text to the terminal; only the renderer adds escapes of
 * its own.
 *
 * Ownership  The sanitiser holds no memory; out is the caller's.
 * Errors     -ENOMEM, -EMSGSIZE of the buffer.
 * Tests      tests/unit/l7-shell/test-sanitise.c, tests/data/sanitise.cases, fuzz/fuzz-sanitise.c.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SANITISE_HELD_MAX = 4, SANITISE_MARKS_MAX = 8 };

enum sanitise_flag {
	SANITISE_LINE =
		1 << 0, /* newline and tab are escapes as well: the text is shown in a line */
};

enum sanitise_join {
	SANITISE_JOIN_NONE,
	SANITISE_JOIN_ONE,      /* a joiner may follow: behind a selector */
	SANITISE_JOIN_SELECTED, /* a selector or a joiner may follow: behind a visible character */
};

/* Starts as { .flags = … }; text may come in pieces cut anywhere. */
struct sanitiser {
	unsigned flags;
	unsigned marks; /* marks since the last character they may sit on */
	enum sanitise_join join;
	size_t n_held;
	char held[SANITISE_HELD_MAX]; /* a cut character, or a carriage return */
};

must_check int sanitise_feed(struct sanitiser *sanitiser, const char *bytes, size_t length,
			     struct buf *out);
/* What is still held is malformed: shown as escapes. */
must_check int sanitise_end(struct sanitiser *sanitiser, struct buf *out);

/* A whole text at once. */
must_check int sanitise_text(const char *text, size_t length, unsigned flags, struct buf *out);

/* JSON text with every unseen character written \uXXXX: the same value, harmless on a terminal. */
must_check int sanitise_json(const char *json, struct buf *out);
