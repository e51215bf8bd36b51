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

/* A page as its Markdown; scripts and looks would only fill the model's window. */
static int add_page(const struct http_answer *answer, struct buf *out)
{
	bool cut = false;
	int r = buf_add_string(out, "(shown as text)\n\n");

	if (r >= 0)
		r = html_text_convert(answer->body, answer->length, answer->content_type, out,
				      &cut);
	return r < 0 || !cut ? r : -EMSGSIZE;
}

int http_text(const struct http_answer *answer, struct buf *out, struct error *err)
{
	int r = buf_printf(out, "HTTP %d", answer->status);

	if (r >= 0 && answer->content_type)
		r = buf_printf(out, " %s", answer->content_type);
	if (r >= 0)
		r = buf_printf(out, ", %zu bytes%s\n", answer->length,
			       answer->is_truncated ? " (cut: the answer is longer)" : "");
	if (r >= 0 && answer->location)
		r = buf_printf(out, "location: %s (not followed)\n", answer->location);
	if (r >= 0 && answer->length > 0 && html_text_is_html(answer->content_type))
		r = add_page(answer, out);
	else if (r >= 0 && !is_text(answer))
		r = buf_add_string(out, "\n[the body is no text and is not shown]");
	else if (r >= 0 && answer->length > 0) {
		r = buf_add_char(out, '\n');
		if (r >= 0)
			r = utf8_add_repaired(out, answer->body, answer->length);
	}
	return r < 0 ? FAIL(err, r, "the answer cannot be shown: %s", strerror(-r)) : 0;
}
