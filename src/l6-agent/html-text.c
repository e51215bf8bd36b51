/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/html-text.h"

#include "base/utf8.h"
#include "l6-agent/html-encoding.h"
#include "l6-agent/html-page.h"
#include "l6-agent/html-token.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	URL_BYTES_MAX = 2048,
	TEXT_BYTES_MAX = 64 * 1024 * 1024, /* of one run, above every input there is */
};

static int add(struct html_page *page, const char *text)
{
	return buf_add_string(page->out, text);
}

static bool is_in(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static const char *const blocks[] = {
	"address", "article", "aside",  "body",  "center",   "dd",         "details",
	"dialog",  "div",     "dl",     "dt",    "fieldset", "figcaption", "figure",
	"footer",  "form",    "header", "main",  "nav",      "p",          "section",
	"summary", "tbody",   "tfoot",  "thead", "caption",  NULL,
};
static const char *const without_text[] = {
	"script", "style", "noscript", "template", "svg",      "math",    "iframe",   "object",
	"canvas", "audio", "video",    "select",   "datalist", "noembed", "noframes", NULL,
};
static const char *const closed_by_the_next[] = { "p", "li", "dt", "dd", "td", "th", "tr", NULL };
static const char *const voids[] = { "area",  "base",   "br",    "col",  "embed",
				     "hr",    "img",    "input", "link", "meta",
				     "param", "source", "track", "wbr",  NULL };

static int take_text(struct html_page *page, const struct html_token *token)
{
	auto_buf struct buf plain = BUF(TEXT_BYTES_MAX);
	int r = html_unescape(&plain, token->bytes, token->length);

	if (r < 0)
		return r;
	return page->pre > 0 ? html_page_preformatted(page, buf_string(&plain), plain.length)
			     : html_page_flow(page, buf_string(&plain), plain.length);
}

static bool is_hidden(const struct html_token *token)
{
	auto_buf struct buf value = BUF(URL_BYTES_MAX);

	if (html_attribute(token, "hidden", &value))
		return true;
	buf_truncate(&value, 0);
	if (!html_attribute(token, "style", &value))
		return false;
	return strcasestr(buf_string(&value), "display:none") ||
	       strcasestr(buf_string(&value), "display: none");
}

static void skip_element(struct html_page *page, const char *name)
{
	memcpy(page->skipped, name, sizeof(page->skipped));
	page->skip_depth = 1;
}

/* True while inside an element that is not shown. */
static bool goes_on_skipping(struct html_page *page, const struct html_token *token)
{
	if (page->skip_depth == 0)
		return false;
	if (strcmp(token->name, page->skipped) == 0) {
		if (token->kind == HTML_OPEN && !is_in(token->name, closed_by_the_next))
			page->skip_depth++;
		else if (token->kind == HTML_CLOSE)
			page->skip_depth--;
	}
	return true;
}

static int open_link(struct html_page *page, const struct html_token *token)
{
	const char *href;
	int r;

	if (page->in_link || page->pre > 0)
		return 0;
	buf_truncate(&page->href, 0);
	if (!html_attribute(token, "href", &page->href))
		return 0;
	href = buf_string(&page->href);
	if (*href == '#' || *href == '\0' || strncasecmp(href, "javascript:", 11) == 0 ||
	    strncasecmp(href, "data:", 5) == 0)
		return 0;
	r = html_page_settle(page);
	page->in_link = true;
	page->link_start = page->out->length;
	return r < 0 ? r : add(page, "[");
}

/* A URL's blanks and brackets would end it early. */
static int add_url(struct html_page *page, const char *url)
{
	int r = 0;

	for (; *url && r >= 0; url++) {
		unsigned char c = (unsigned char)*url;

		if (c <= ' ' || c == '(' || c == ')' || c == 0x7F)
			r = buf_printf(page->out, "%%%02X", c);
		else
			r = buf_add_char(page->out, *url);
	}
	return r;
}

static int close_link(struct html_page *page)
{
	bool space = page->space;
	int r;

	if (!page->in_link)
		return 0;
	page->in_link = false;
	if (page->out->length == page->link_start + 1) { /* nothing to click on */
		buf_truncate(page->out, page->link_start);
		return 0;
	}
	r = add(page, "](");
	if (r >= 0)
		r = add_url(page, buf_string(&page->href));
	page->space = space;
	return r < 0 ? r : add(page, ")");
}

static int add_image(struct html_page *page, const struct html_token *token)
{
	auto_buf struct buf alt = BUF(URL_BYTES_MAX);
	auto_buf struct buf clean = BUF(URL_BYTES_MAX * 3);
	int r;

	if (!html_attribute(token, "alt", &alt) || alt.length == 0)
		return 0;
	r = utf8_add_repaired(&clean, alt.data, alt.length);
	if (r >= 0)
		r = html_page_flow(page, "![", 2);
	if (r >= 0)
		r = html_page_flow(page, buf_string(&clean), clean.length);
	page->space = false;
	return r < 0 ? r : html_page_flow(page, "]", 1);
}

static int open_pre(struct html_page *page)
{
	int r;

	if (page->pre++ > 0)
		return 0;
	page->fresh_pre = page->in_pre = true;
	html_page_break(page, 2);
	r = html_page_settle(page);
	if (r >= 0)
		r = add(page, "```\n");
	return r < 0 ? r : html_page_begin_line(page, false);
}

static int close_pre(struct html_page *page)
{
	int r = 0;

	page->pre -= page->pre > 0;
	if (page->pre > 0 || !page->in_pre)
		return 0;
	page->in_pre = false;
	if (page->out->length > page->start && page->out->data[page->out->length - 1] != '\n')
		r = add(page, "\n");
	if (r >= 0)
		r = add(page, "```");
	html_page_break(page, 2);
	return r;
}

static int open_cell(struct html_page *page)
{
	int r;

	if (!page->in_row) {
		html_page_break(page, page->rows == 0 ? 2 : 1);
		r = html_page_settle(page);
		if (r < 0)
			return r;
		page->in_row = true;
		page->cells = 0;
	}
	page->cells++;
	page->space = false;
	page->breaks = 0;
	return add(page, page->cells == 1 ? "| " : " | ");
}

static int close_row(struct html_page *page)
{
	int r = 0;

	if (!page->in_row)
		return 0;
	page->in_row = false;
	page->space = false;
	page->breaks = 0;
	r = add(page, " |");
	if (r >= 0 && page->rows++ == 0) {
		r = add(page, "\n");
		if (r >= 0)
			r = html_page_begin_line(page, false);
		if (r >= 0)
			r = add(page, "|");
		if (r >= 0)
			r = html_page_repeat(page, " --- |", page->cells);
	}
	html_page_break(page, 1);
	return r;
}

static void open_list(struct html_page *page, bool numbered)
{
	html_page_break(page, page->n_lists > 0 ? 1 : 2);
	if (page->n_lists < HTML_LISTS_MAX)
		page->lists[page->n_lists++] = (struct html_list){ numbered, 1 };
}

static void close_list(struct html_page *page)
{
	if (page->n_lists > 0)
		page->n_lists--;
	page->item = false;
	html_page_break(page, page->n_lists > 0 ? 1 : 2);
}

static unsigned heading_of(const char *name)
{
	bool is_heading = name[0] == 'h' && name[1] >= '1' && name[1] <= '6' && name[2] == '\0';

	return is_heading ? (unsigned)(name[1] - '0') : 0;
}

static int open_other(struct html_page *page, const struct html_token *token)
{
	const char *name = token->name;

	if (strcmp(name, "pre") == 0)
		return open_pre(page);
	if (strcmp(name, "a") == 0)
		return open_link(page, token);
	if (strcmp(name, "img") == 0)
		return add_image(page, token);
	if (strcmp(name, "td") == 0 || strcmp(name, "th") == 0)
		return open_cell(page);
	if (strcmp(name, "tr") == 0)
		return close_row(page);
	if (strcmp(name, "code") == 0 && page->pre == 0) {
		int r = html_page_settle(page);

		return r < 0 ? r : add(page, "`");
	}
	if (strcmp(name, "hr") == 0) {
		int r;

		html_page_break(page, 2);
		r = html_page_flow(page, "---", 3);
		html_page_break(page, 2);
		return r;
	}
	return 0;
}

static int open_element(struct html_page *page, const struct html_token *token)
{
	const char *name = token->name;

	if (is_in(name, without_text) || (!is_in(name, voids) && is_hidden(token))) {
		skip_element(page, name);
	} else if (is_in(name, blocks)) {
		html_page_break(page, 2);
	} else if (strcmp(name, "br") == 0) {
		if (page->pre > 0)
			return add(page, "\n");
		html_page_break(page, 1);
	} else if (heading_of(name) > 0) {
		html_page_break(page, 2);
		page->heading = heading_of(name);
	} else if (strcmp(name, "ul") == 0 || strcmp(name, "ol") == 0) {
		open_list(page, name[0] == 'o');
	} else if (strcmp(name, "li") == 0) {
		html_page_break(page, 1);
		page->item = true;
	} else if (strcmp(name, "blockquote") == 0) {
		html_page_break(page, 2);
		page->quotes += page->quotes < HTML_QUOTES_MAX;
	} else if (strcmp(name, "table") == 0) {
		page->rows = 0;
		html_page_break(page, 2);
	} else {
		return open_other(page, token);
	}
	return 0;
}

static int close_element(struct html_page *page, const char *name)
{
	if (is_in(name, blocks)) {
		html_page_break(page, 2);
	} else if (heading_of(name) > 0) {
		page->heading = 0;
		html_page_break(page, 2);
	} else if (strcmp(name, "ul") == 0 || strcmp(name, "ol") == 0) {
		close_list(page);
	} else if (strcmp(name, "li") == 0) {
		page->item = false;
		html_page_break(page, 1);
	} else if (strcmp(name, "blockquote") == 0) {
		html_page_break(page, 2);
		page->quotes -= page->quotes > 0;
	} else if (strcmp(name, "pre") == 0) {
		return close_pre(page);
	} else if (strcmp(name, "a") == 0) {
		return close_link(page);
	} else if (strcmp(name, "tr") == 0 || strcmp(name, "table") == 0) {
		int r = close_row(page);

		html_page_break(page, name[1] == 'r' ? 1 : 2);
		return r;
	} else if (strcmp(name, "code") == 0 && page->pre == 0) {
		return add(page, "`");
	}
	return 0;
}

/* The title stands in front of everything, as a line of its own. */
static int take_title(struct html_page *page, struct html_reader *reader)
{
	struct html_token token;
	int r;

	html_next(reader, &token);
	if (token.kind != HTML_TEXT)
		return 0;
	html_page_break(page, 2);
	r = html_page_flow(page, "Title:", 6);
	page->space = true;
	if (r >= 0)
		r = take_text(page, &token);
	html_page_break(page, 2);
	return r;
}

struct html_text {
	struct html_page page;
	struct html_reader reader;
	struct buf html; /* as UTF-8 */
};

static int convert_token(struct html_text *text, const struct html_token *token)
{
	struct html_page *page = &text->page;

	if (goes_on_skipping(page, token))
		return 0;
	if (token->kind == HTML_TEXT)
		return take_text(page, token);
	if (token->kind == HTML_CLOSE)
		return close_element(page, token->name);
	if (strcmp(token->name, "title") == 0)
		return take_title(page, &text->reader);
	return open_element(page, token);
}

static int close_all(struct html_page *page)
{
	int r = close_link(page);

	if (r >= 0)
		r = close_row(page);
	return r < 0 ? r : close_pre(page);
}

/* 1: there is more. */
static int convert(struct html_text *text, size_t bytes)
{
	const char *from = text->reader.at;
	struct html_token token;
	int r = 0;

	while (r >= 0 && (size_t)(text->reader.at - from) < bytes) {
		html_next(&text->reader, &token);
		if (token.kind == HTML_END)
			return close_all(&text->page);
		r = convert_token(text, &token);
	}
	return r < 0 ? r : 1;
}

int html_text_open(const char *html, size_t length, const char *content_type, struct buf *out,
		   struct html_text **ret)
{
	struct html_text *text = calloc(1, sizeof(*text));
	int r;

	if (!text)
		return -ENOMEM;
	text->page =
		(struct html_page){ .out = out, .start = out->length, .href = BUF(URL_BYTES_MAX) };
	text->html = BUF(length * HTML_DECODED_RATIO + 1);
	r = html_decode(html, length, content_type, &text->html);
	if (r < 0) {
		html_text_close(text);
		return r;
	}
	html_open(&text->reader, buf_string(&text->html), text->html.length);
	*ret = text;
	return 0;
}

void html_text_close(struct html_text *text)
{
	if (!text)
		return;
	buf_free(&text->page.href);
	buf_free(&text->html);
	free(text);
}

int html_text_step(struct html_text *text, size_t bytes, bool *ret_cut)
{
	struct buf *out = text->page.out;
	int r = convert(text, bytes);

	*ret_cut = r == -EMSGSIZE;
	if (!*ret_cut)
		return r;
	buf_truncate(out, utf8_cut(buf_string(out), out->length, out->length));
	return 0;
}

int html_text_convert(const char *html, size_t length, const char *content_type, struct buf *out,
		      bool *ret_cut)
{
	struct html_text *text;
	int r = html_text_open(html, length, content_type, out, &text);

	if (r < 0)
		return r;
	r = html_text_step(text, SIZE_MAX, ret_cut);
	html_text_close(text);
	return r;
}

bool html_text_is_html(const char *content_type)
{
	static const char *const types[] = { "text/html", "application/xhtml+xml" };

	for (size_t i = 0; content_type && i < sizeof(types) / sizeof(types[0]); i++) {
		size_t n = strlen(types[i]);

		if (strncasecmp(content_type, types[i], n) == 0 &&
		    (content_type[n] == '\0' || content_type[n] == ';' || content_type[n] == ' '))
			return true;
	}
	return false;
}
