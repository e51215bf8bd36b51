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

/* True for text/html and application/xhtml+xml. */
bool html_text_is_html(const char *content_type);
