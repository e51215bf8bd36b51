/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* http-text - an HTTP answer as text for a model: status line, then the body (L6). */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct http_answer {
	int status;
	const char *content_type, *location; /* may be NULL */
	const char *body;
	size_t length;
	bool is_truncated;
};

struct html_text;

/*
 * Appends it. A body that is no text is named, not shown. A page is the caller's to convert
 * (html-text.h) behind what is there: *ret_page is then open, else NULL.
 */
must_check int http_text(const struct http_answer *answer, struct buf *out,
			 struct html_text **ret_page, struct error *err);
