/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/shown-name.h"

#include <stdbool.h>
#include <string.h>

enum { DELETE = 0x7f, C1_LEAD = 0xc2, C1_END = 0xa0 };

/* 1 or 2 for a control character of that many bytes (C0 and DEL, or C1), else 0. */
static size_t control(const char *at)
{
	unsigned char first = (unsigned char)at[0], second = (unsigned char)at[1];

	if (first < ' ' || first == DELETE)
		return 1;
	return first == C1_LEAD && second >= 0x80 && second < C1_END ? 2 : 0;
}

static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (control(text))
			return false;
	return true;
}

static int add_escaped(struct buf *to, const char *text)
{
	int r = 0;

	while (*text && r == 0) {
		size_t n = control(text);
		unsigned code = (unsigned char)text[n == 2 ? 1 : 0];

		if (*text == '\n' || *text == '\t')
			r = buf_add_string(to, *text == '\n' ? "\\n" : "\\t");
		else if (n > 0)
			r = buf_printf(to, "\\u%04x", code);
		else if (*text == '"' || *text == '\\')
			r = buf_printf(to, "\\%c", *text);
		else
			r = buf_add_char(to, *text);
		text += n > 0 ? n : 1;
	}
	return r;
}

int shown_name_add(struct buf *to, const char *prefix, const char *path, const char *suffix)
{
	const char *const parts[] = { prefix, path, suffix };
	const char *first = *prefix ? prefix : path;
	int r = 0;

	if (*first != '"' && is_plain(prefix) && is_plain(path) && is_plain(suffix))
		return buf_printf(to, "%s%s%s", prefix, path, suffix);
	r = buf_add_char(to, '"');
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && r == 0; i++)
		r = add_escaped(to, parts[i]);
	return r < 0 ? r : buf_add_char(to, '"');
}
