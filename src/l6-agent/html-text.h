/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * html-text - what a model sees of a web page: Markdown of its text (L6).
 *
 * Title, headings, paragraphs, lists, links, quotes, tables and code stay; scripts, styles,
 * comments, hidden elements and everything about looks go. One pass, linear in the input, output
 * and nesting bounded. The result is UTF-8 whatever came in; it is data, never instructions, and
 * the caller marks it so.
 *
 * Errors     -ENOMEM. What does not fit out->max is cut, at a character, and *ret_cut says so.
 * Tests      tests/data/html-text.cases, fuzz/fuzz-html-text.c
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * content_type may be NULL; its charset, else the page's, decides how bytes are read: windows-1252
 * and iso-8859-1 are converted, everything else is taken as UTF-8 and repaired.
 */
must_check int html_text_convert(const char *html, size_t length, const char *content_type,
				 struct buf *out, bool *ret_cut);

/*
 * The same in pieces, for long pages: out is borrowed until the close, html during the open only. A
 * step takes at least so many bytes of the page, if there are. 1: there is more, 0: that was all,
 * or *ret_cut. Each character is looked at a few times, so 64 KiB are about a millisecond.
 */
struct html_text;
must_check int html_text_open(const char *html, size_t length, const char *content_type,
			      struct buf *out, struct html_text **ret);
must_check int html_text_step(struct html_text *text, size_t bytes, bool *ret_cut);
void html_text_close(struct html_text *text); /* NULL-tolerant */

/* True for text/html and application/xhtml+xml. */
bool html_text_is_html(const char *content_type);
