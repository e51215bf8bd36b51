/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/local-text.h"

#include "base/utf8.h"

#include <stdbool.h>

enum { TAIL_PART = 4 /* a quarter of what is shown of a long text is its end */ };

static int add_plain(struct buf *buf, const char *text, size_t length)
{
	int r = 0;

	for (size_t at = 0; at < length && r >= 0;) {
		size_t run = 0;

		while (run < length - at && ((unsigned char)text[at + run] >= 0x20 ||
					     text[at + run] == '\n' || text[at + run] == '\t'))
			run++;
		r = buf_add(buf, text + at, run);
		at += run;
		if (r < 0 || at == length)
			break;
		/* the carriage return of a line end says nothing */
		if (text[at] != '\r' || at + 1 == length || text[at + 1] != '\n')
			r = buf_add_char(buf, ' ');
		at++;
	}
	return r;
}

int local_text_add(struct buf *buf, const char *text, size_t length, size_t max)
{
	size_t head, tail;
	int r;

	if (!utf8_is_valid(text, length))
		return -EINVAL;
	if (length <= max)
		return add_plain(buf, text, length);
	head = utf8_cut(text, length, max - max / TAIL_PART);
	tail = length - max / TAIL_PART;
	while (tail < length && ((unsigned char)text[tail] & 0xC0) == 0x80)
		tail++;
	r = add_plain(buf, text, head);
	if (r >= 0)
		r = buf_printf(buf, "\n[… %zu bytes left out …]\n", tail - head);
	return r < 0 ? r : add_plain(buf, text + tail, length - tail);
}

static bool is_letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

size_t local_text_tokens(const char *text, size_t length)
{
	size_t twelfths = 0; /* of a token; weights measured with the vocabulary of Qwen 2.5 */

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (is_letter(c) || c == ' ')
			twelfths += 3;
		else if (c >= '0' && c <= '9')
			twelfths += 12; /* a token each */
		else if (c >= 0x80)
			twelfths += 4;
		else
			twelfths += 8; /* signs often come in pairs */
	}
	return twelfths / 12 + 1;
}
