/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/html-encoding.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "l6-agent/html-token.h"

#include <stdio.h>
#include <string.h>

enum { CHARSET_LOOKED_AT = 1024 };

static bool says_latin(const char *text, size_t length)
{
	static const char *const names[] = { "iso-8859-1", "windows-1252", "latin1", "cp1252" };
	static const char key[] = "charset";

	for (size_t at = 0; at + sizeof(key) - 1 < length; at++) {
		size_t name = at + sizeof(key) - 1;

		if (strncasecmp(text + at, key, sizeof(key) - 1) != 0)
			continue;
		while (name < length && strchr("= \"'", text[name]) && text[name])
			name++;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (length - name >= strlen(names[i]) &&
			    strncasecmp(text + name, names[i], strlen(names[i])) == 0)
				return true;
		return false;
	}
	return false;
}

/* Windows-1252 by way of the references that mean it. */
static int latin_character(unsigned char c, struct buf *out)
{
	char reference[8];
	int n = snprintf(reference, sizeof(reference), "&#%u;", c);

	return html_unescape(out, reference, (size_t)n);
}

static int add_latin(struct buf *out, const char *text, size_t length)
{
	enum { HIGH = 0x80, CHARACTER_BYTES = 4 };
	struct buf high[HIGH] = { 0 };
	size_t run = 0;
	int r = 0;

	for (size_t i = 0; i < length && r >= 0; i++) {
		unsigned char c = (unsigned char)text[i];
		struct buf *as = &high[c % HIGH];

		if (c < HIGH)
			continue;
		if (as->max == 0) {
			*as = BUF(CHARACTER_BYTES);
			r = latin_character(c, as);
		}
		if (r >= 0)
			r = buf_add(out, text + run, i - run);
		if (r >= 0)
			r = buf_add(out, as->data, as->length);
		run = i + 1;
	}
	for (size_t i = 0; i < HIGH; i++)
		buf_free(&high[i]);
	return r < 0 ? r : buf_add(out, text + run, length - run);
}

int html_decode(const char *html, size_t length, const char *content_type, struct buf *out)
{
	bool has_charset = content_type && strcasestr(content_type, "charset");
	bool is_latin =
		has_charset
			? says_latin(content_type, strlen(content_type))
			: says_latin(html, length < CHARSET_LOOKED_AT ? length : CHARSET_LOOKED_AT);

	return is_latin ? add_latin(out, html, length) : utf8_add_repaired(out, html, length);
}
