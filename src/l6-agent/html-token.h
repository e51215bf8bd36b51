/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * html-token - cuts HTML into tags and text, in one pass and without ever looking back (L6).
 *
 * Knows the states of the standard that matter for reading: quoted attributes, comments, raw text
 * of script and style. Builds no tree. Whatever the bytes are, every one of them is passed once.
 *
 * Ownership  Tokens borrow from the text given.
 * Source     WHATWG HTML, section "Tokenization".
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum { HTML_NAME_BYTES = 16 };

enum html_kind { HTML_TEXT, HTML_OPEN, HTML_CLOSE, HTML_END };

struct html_token {
	enum html_kind kind;
	char name[HTML_NAME_BYTES]; /* lower case; "" when longer than any name that matters */
	const char *bytes;          /* the text, or what stands behind the name in a tag */
	size_t length;
};

struct html_reader {
	const char *at, *end;
	char raw[HTML_NAME_BYTES]; /* inside this element everything up to its closing tag is text
				    */
};

/* html is borrowed for the reader's life. */
void html_open(struct html_reader *reader, const char *html, size_t length);
/* The next token; its kind says when the page has ended. It points into the page. */
void html_next(struct html_reader *reader, struct html_token *ret);

/* The value of an attribute with its references resolved; false when it is not there. */
bool html_attribute(const struct html_token *token, const char *name, struct buf *ret);

/* Appends text with character references resolved. -EMSGSIZE, -ENOMEM as of buf. */
must_check int html_unescape(struct buf *out, const char *text, size_t length);
