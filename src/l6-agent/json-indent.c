/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/json-indent.h"

enum { INDENT_LEVELS_MAX = 64 }; /* deeper levels are not moved further to the right */

static int new_line(struct buf *out, size_t level)
{
	int r = buf_add_char(out, '\n');

	for (size_t i = 0; r == 0 && i < level && i < INDENT_LEVELS_MAX; i++)
		r = buf_add(out, "  ", 2);
	return r;
}

/* The string that starts at text[0] with its quotes; the length, at most left. */
static size_t string_length(const char *text, size_t left)
{
	for (size_t i = 1; i < left; i++) {
		if (text[i] == '\\')
			i++;
		else if (text[i] == '"')
			return i + 1;
	}
	return left;
}

static int indent_char(const char *text, size_t at, size_t length, size_t *level, struct buf *out)
{
	char c = text[at], next = at + 1 < length ? text[at + 1] : '\0';
	int r;

	switch (c) {
	case '{':
	case '[':
		r = buf_add_char(out, c);
		++*level;
		return r < 0 || next == '}' || next == ']' ? r : new_line(out, *level);
	case '}':
	case ']':
		*level -= *level > 0;
		r = at > 0 && (text[at - 1] == '{' || text[at - 1] == '[') ? 0
									   : new_line(out, *level);
		return r < 0 ? r : buf_add_char(out, c);
	case ',':
		r = buf_add_char(out, c);
		return r < 0 ? r : new_line(out, *level);
	case ':':
		return buf_add(out, ": ", 2);
	default:
		return buf_add_char(out, c);
	}
}

int json_indent(const char *text, size_t length, struct buf *out)
{
	size_t level = 0, at = 0;
	int r = 0;

	while (r == 0 && at < length) {
		if (text[at] == '"') {
			size_t n = string_length(text + at, length - at);

			r = buf_add(out, text + at, n);
			at += n;
		} else {
			r = indent_char(text, at++, length, &level, out);
		}
	}
	return r;
}
