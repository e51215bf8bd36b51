/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * leak-find - where a text holds what looks like a secret, in linear time (L6).
 *
 * One look at each pair of characters decides whether an anchor may begin there; the shapes of that
 * anchor are then read, with ends of runs remembered, so that no text makes it slower than a
 * constant for each character. The leftmost match counts, of those the longest, of those the first
 * of the table.
 *
 * Ownership  The text is borrowed.
 * Units      Characters of the text, whose escapes have been read (leak-text.h).
 * Source     spec/secrets.md
 * Tests      tests/unit/l6-agent/test-leak.c, fuzz/fuzz-leak.c (against a slow reference).
 */
#pragma once

#include "l6-agent/leak-shape.h"

enum leak_state { LEAK_NONE, LEAK_FOUND, LEAK_MORE };

struct leak_match {
	const struct leak_shape *shape;
	size_t start, end; /* what is to be replaced */
};

struct leak_run {
	size_t start, end;
};

struct leak_finder {
	const char *text;
	size_t length;
	bool is_whole; /* nothing comes behind it */
	struct leak_run first_runs[LEAK_CLASSES], later_runs[LEAK_CLASSES];
	struct leak_run foot; /* between these no end of a PEM block begins */
};

void leak_finder_init(struct leak_finder *finder, const char *text, size_t length, bool is_whole);

/*
 * The next match behind from. LEAK_NONE: there is none. LEAK_MORE (instead of it, of a text that is
 * not whole): none begins before ret->start; what begins there, what is to come decides about.
 */
enum leak_state leak_find(struct leak_finder *finder, size_t from, struct leak_match *ret);

/* What the check of a shape says of the characters that count. */
bool leak_check_holds(enum leak_check check, const char *text, size_t length);
