/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * markdown - an answer in Markdown becomes lines for a terminal while it streams (L7).
 *
 * Headings, emphasis, code spans, fenced blocks, lists, quotes, rules, links, tables. Line ends are
 * kept as the model wrote them. What is no valid mark is shown as it stands; nothing is dropped but
 * the marks. The input has been through the sanitiser; the only escapes in the output are
 * attributes (ESC [ … m).
 *
 * Ownership  Owns what is held; out is the caller's.
 * Errors     -ENOMEM, -EMSGSIZE.
 * Tests      tests/unit/l7-shell/test-markdown.c (goldens in tests/data/markdown),
 * fuzz/fuzz-markdown.c.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct markdown;

struct markdown_options {
	size_t columns;  /* 0: lines are never broken */
	bool attributes; /* bold, italic, underline; without, no escape is written at all */
	bool colour;
};

must_check int markdown_open(const struct markdown_options *options, struct markdown **ret);
void markdown_close(struct markdown *markdown); /* NULL-tolerant */
DEFINE_CLEANUP(struct markdown *, markdown_close)

/* The screen has another width from the next line on. */
void markdown_resize(struct markdown *markdown, size_t columns);

/* What was fed so far is on the screen, and something else behind it: the next line begins here. */
must_check int markdown_resume(struct markdown *markdown, struct buf *out);

/* Harmless UTF-8 text, whole characters, cut anywhere else. */
must_check int markdown_feed(struct markdown *markdown, const char *text, size_t length,
			     struct buf *out);
/* The answer has ended: what is held is written, an open line is ended. */
must_check int markdown_end(struct markdown *markdown, struct buf *out);
