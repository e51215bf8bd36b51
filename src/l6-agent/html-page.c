/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/html-page.h"

#include "base/utf8.h"

#include <string.h>

static int add(struct html_page *page, const char *text)
{
	return buf_add_string(page->out, text);
}

/* More than two newlines are never wanted. */
void html_page_break(struct html_page *page, unsigned newlines)
{
	if (page->breaks < newlines)
		page->breaks = newlines;
	page->space = false;
}

int html_page_repeat(struct html_page *page, const char *text, unsigned times)
{
	int r = 0;

	while (times-- > 0 && r >= 0)
		r = add(page, text);
	return r;
}

/* What stands at the front of each line: quotation marks and the indent of lists. */
int html_page_begin_line(struct html_page *page, bool item)
{
	unsigned depth = page->n_lists > 0 ? page->n_lists - (item ? 1 : 0) : 0;
	int r = html_page_repeat(page, "> ", page->quotes);

	return r < 0 ? r : html_page_repeat(page, "  ", depth);
}

static int begin_item(struct html_page *page)
{
	struct html_list *list = page->n_lists > 0 ? &page->lists[page->n_lists - 1] : NULL;

	page->item = false;
	return list && list->numbered ? buf_printf(page->out, "%u. ", list->next++)
				      : add(page, "- ");
}

static bool ends_in_blank(const struct html_page *page)
{
	char last = page->out->data[page->out->length - 1];

	return last == ' ' || last == '\n';
}

/* Before anything visible: the newlines, the line's front, marks and the blank that wait. */
int html_page_settle(struct html_page *page)
{
	bool item = page->item;
	int r = 0;

	if (page->out->length == page->start) {
		page->breaks = 0;
		r = html_page_begin_line(page, item);
	} else if (page->breaks > 0 && !page->in_row) {
		r = add(page, "\n");
		if (r >= 0 && page->breaks > 1) {
			r = html_page_repeat(page, ">", page->quotes > 0);
			if (r >= 0)
				r = add(page, "\n");
		}
		if (r >= 0)
			r = html_page_begin_line(page, item);
	} else if ((page->space || page->breaks > 0) && !ends_in_blank(page)) {
		r = add(page, " ");
	}
	page->breaks = 0;
	page->space = false;
	if (r >= 0 && page->item)
		r = begin_item(page);
	if (r >= 0 && page->heading > 0) {
		r = html_page_repeat(page, "#", page->heading);
		page->heading = 0;
		if (r >= 0)
			r = add(page, " ");
	}
	return r;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

static bool is_shown(const char *at, size_t width)
{
	unsigned char c = (unsigned char)*at;

	return width > 1 ? !(c == 0xC2 && (unsigned char)at[1] < 0xA0) : c >= ' ' && c != 0x7F;
}

static int add_word(struct html_page *page, const char *word, size_t length)
{
	int r = html_page_settle(page);

	for (size_t at = 0; at < length && r >= 0;) {
		size_t width = utf8_next(word + at, length - at);

		width += width == 0; /* not UTF-8: cannot come here, must not loop */

		if (page->in_row && word[at] == '|')
			r = add(page, "\\");
		if (r >= 0 && is_shown(word + at, width))
			r = buf_add(page->out, word + at, width);
		at += width;
	}
	return r;
}

/* Blanks collapse; U+00A0 counts as one. */
int html_page_flow(struct html_page *page, const char *text, size_t length)
{
	int r = 0;

	while (length > 0 && r >= 0) {
		size_t n = 0;
		bool nbsp = length > 1 && memcmp(text, "\xC2\xA0", 2) == 0;

		while (n < length && !is_blank(text[n]) &&
		       !(length - n > 1 && memcmp(text + n, "\xC2\xA0", 2) == 0))
			n++;
		if (n > 0) {
			r = add_word(page, text, n);
		} else {
			n = nbsp ? 2 : 1;
			page->space = page->out->length > page->start && page->breaks == 0;
		}
		text += n;
		length -= n;
	}
	return r;
}

static int add_line(struct html_page *page, const char *text, size_t n)
{
	int r = 0;

	for (size_t at = 0; at < n && r >= 0;) {
		size_t width = utf8_next(text + at, n - at);

		width += width == 0; /* not UTF-8: cannot come here, must not loop */
		if (is_shown(text + at, width) || text[at] == '\t')
			r = buf_add(page->out, text + at, width);
		at += width;
	}
	return r;
}

int html_page_preformatted(struct html_page *page, const char *text, size_t length)
{
	int r = 0;

	if (page->fresh_pre && length > 0 && *text == '\n') {
		text++;
		length--;
	}
	page->fresh_pre = false;
	while (length > 0 && r >= 0) {
		const char *newline = memchr(text, '\n', length);
		size_t n = newline ? (size_t)(newline - text) : length;

		r = add_line(page, text, n);
		if (r >= 0 && newline)
			r = add(page, "\n");
		if (r >= 0 && newline)
			r = html_page_begin_line(page, false);
		n += newline ? 1 : 0;
		text += n;
		length -= n;
	}
	return r;
}
