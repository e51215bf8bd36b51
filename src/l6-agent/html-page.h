/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * html-page - the Markdown that is being written: line breaks, marks and blanks that wait (L6).
 *
 * What separates two texts is decided when the second one comes, so nothing is written twice and
 * nothing ends in blanks.
 *
 * Ownership  Belongs to html_text_convert(); out is the caller's buffer.
 * Errors     -ENOMEM, -EMSGSIZE of the buffer.
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/html-token.h"

#include <stdbool.h>
#include <stddef.h>

enum { HTML_LISTS_MAX = 16, HTML_QUOTES_MAX = 8 };

struct html_list {
	bool numbered;
	unsigned next;
};

struct html_page {
	struct buf *out;
	size_t start;    /* where the page begins in it */
	unsigned breaks; /* newlines wanted before the next text: 0, 1 or 2 */
	bool space;      /* a blank is wanted */
	struct html_list lists[HTML_LISTS_MAX];
	unsigned n_lists, quotes, pre;
	bool in_pre;                   /* its fence is open */
	bool fresh_pre;                /* its first newline does not count */
	bool item;                     /* a list item's mark is wanted */
	unsigned heading;              /* its mark is wanted */
	char skipped[HTML_NAME_BYTES]; /* inside this element nothing is shown */
	unsigned skip_depth;
	struct buf href; /* of the link that is open */
	bool in_link;
	size_t link_start; /* where its "[" stands */
	unsigned cells, rows;
	bool in_row;
};

/* At least so many newlines (1 or 2) before the next text. */
void html_page_break(struct html_page *page, unsigned newlines);

/* Writes what waits: newlines, the line's front, marks, a blank. Before anything visible. */
must_check int html_page_settle(struct html_page *page);

/* Quotation marks and the indent of lists; item: room for the item's own mark is left. */
must_check int html_page_begin_line(struct html_page *page, bool item);

/* Text whose blanks collapse, and text that stays as it is. */
must_check int html_page_flow(struct html_page *page, const char *text, size_t length);
must_check int html_page_preformatted(struct html_page *page, const char *text, size_t length);

/* The text, so many times, as it stands. */
must_check int html_page_repeat(struct html_page *page, const char *text, unsigned times);
