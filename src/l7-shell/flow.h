/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * flow - a line of short parts that is broken between them where it would be too long (L7).
 *
 *     model 1 · fake · 900 ms · first token 5 ms
 *         prompt abab… · 6.1 kB · tokens 1520
 *
 * On a plain stream the line stays whole. A part wider than a line is broken at its spaces.
 *
 * Ownership  The screen is borrowed.
 * Tests      tests/process/test-claw-terminal.py.
 */
#pragma once

#include "l7-shell/screen.h"

struct flow {
	struct screen *screen;
	size_t indent; /* of the lines that go on */
	size_t column;
	bool glue; /* the next part follows without a separator */
};

/* The line has begun: the cursor is in column. */
void flow_begin(struct flow *flow, struct screen *screen, size_t column, size_t indent);
/* Own words as one part; the first part has no separator in front. */
void flow_own(struct flow *flow, unsigned style, const char *fmt, ...) printf_like(3, 4);
/* Own words and foreign text as one part. */
void flow_foreign(struct flow *flow, unsigned style, const char *words, const char *text);
void flow_end(struct flow *flow);
