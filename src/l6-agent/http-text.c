/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/http-text.h"

#include "base/utf8.h"
#include "l6-agent/html-text.h"

#include <string.h>

enum { SNIFF_BYTES = 4096 };

static bool is_text(const struct http_answer *answer)
{
	size_t n = answer->length < SNIFF_BYTES ? answer->length : SNIFF_BYTES;

	if (memchr(answer->body, '\0', n))
		return false;
	n = n < answer->length ? utf8_cut(answer->body, answer->length, n) : n;
	return utf8_is_valid(answer->body, n) ||
	       (answer->content_type && strncasecmp(answer->content_type, "text/", 5) == 0);
}

static int add_head(const struct http_answer *answer, struct buf *out)
{
	int r = buf_printf(out, "HTTP %d", answer->status);

	if (r >= 0 && answer->content_type)
		r = buf_printf(out, " %s", answer->content_type);
	if (r >= 0)
		r = buf_printf(out, ", %zu bytes%s\n", answer->length,
			       answer->is_truncated ? " (cut: the answer is longer)" : "");
	if (r >= 0 && answer->location)
		r = buf_printf(out, "location: %s (not followed)\n", answer->location);
	return r;
}

/* A page becomes its Markdown; scripts and looks would only fill the model's window. */
static int add_body(const struct http_answer *answer, struct buf *out, struct html_text **ret_page)
{
	int r;

	if (answer->length > 0 && html_text_is_html(answer->content_type)) {
		r = buf_add_string(out, "(shown as text)\n\n");
		return r < 0 ? r
			     : html_text_open(answer->body, answer->length, answer->content_type,
					      out, ret_page);
	}
	if (!is_text(answer))
		return buf_add_string(out, "\n[the body is no text and is not shown]");
	r = answer->length > 0 ? buf_add_char(out, '\n') : 0;
	return r < 0 ? r : utf8_add_repaired(out, answer->body, answer->length);
}

int http_text(const struct http_answer *answer, struct buf *out, struct html_text **ret_page,
	      struct error *err)
{
	int r = add_head(answer, out);

	*ret_page = NULL;
	if (r >= 0)
		r = add_body(answer, out, ret_page);
	return r < 0 ? FAIL(err, r, "the answer cannot be shown: %s", strerror(-r)) : 0;
}
