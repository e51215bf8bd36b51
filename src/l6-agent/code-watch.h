/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * code-watch - knows, byte by byte, whether Markdown text stands inside a code fence or code span
 * (L6).
 *
 * A span ends with its line at the latest, so that a stray ` hides nothing behind it.
 *
 * Ownership  Embedded. Zero it, then code_watch_init().
 * Errors     None.
 * Source     CommonMark 0.31, "Fenced code blocks" and "Code spans", as far as a stream allows.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct code_watch {
	bool at_line_start; /* only blanks since the line began */
	char fence;         /* '`' or '~' inside a fence, else 0 */
	size_t fence_length, span_length, marks;
	char mark; /* the kind of the marks counted */
	bool marks_at_start;
};

void code_watch_init(struct code_watch *watch);

/* c is what comes next: a run of ` or ~ that it does not belong to is over. */
void code_watch_settle(struct code_watch *watch, char c);

/* c is in the text now; what it settles is settled first. */
void code_watch_take(struct code_watch *watch, char c);
/* Several bytes, none of them ` ~ or a line feed. */
void code_watch_take_span(struct code_watch *watch, const char *text, size_t length);

/* Inside code, or behind marks that may begin some. */
bool code_watch_is_inside(const struct code_watch *watch);
