/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/output-tail.h"

#include "base/utf8.h"

#include <string.h>

enum { ESC = 0x1B, BEL = 0x07, DEL = 0x7F };

void output_tail_free(struct output_tail *tail)
{
	buf_free(&tail->bytes);
}

void output_tail_begin(struct output_tail *tail)
{
	buf_truncate(&tail->bytes, 0);
	tail->total = 0;
}

int output_tail_add(struct output_tail *tail, const char *bytes, size_t length)
{
	/* length <= the tail: what is taken away is never more than there is */
	tail->total += length;
	if (length > OUTPUT_TAIL_BYTES) {
		bytes += length - OUTPUT_TAIL_BYTES;
		length = OUTPUT_TAIL_BYTES;
	}
	if (tail->bytes.length + length > 2 * OUTPUT_TAIL_BYTES)
		buf_consume(&tail->bytes, tail->bytes.length + length - OUTPUT_TAIL_BYTES);
	return buf_add(&tail->bytes, bytes, length);
}

/* The end of the escape sequence at text[at]. */
static size_t skip_escape(const char *text, size_t length, size_t at)
{
	bool string;

	if (++at == length)
		return at;
	string = strchr("]PX^_", text[at]) != NULL;
	if (text[at] == '[') {
		for (at++; at < length && !(text[at] >= '@' && text[at] <= '~'); at++)
			;
		return at < length ? at + 1 : at;
	}
	if (!string)
		return at + 1 + ((text[at] == '(' || text[at] == ')') && at + 1 < length);
	for (at++; at < length; at++) {
		if (text[at] == BEL)
			return at + 1;
		if (text[at] == ESC)
			return at + 1 < length && text[at + 1] == '\\' ? at + 2 : at;
	}
	return at;
}

static size_t line_start(const struct buf *out, size_t from)
{
	size_t at = out->length;

	while (at > from && out->data[at - 1] != '\n')
		at--;
	return at;
}

/* A control character: what a person would not see any more is taken away. */
static int take_control(char byte, char next, size_t from, struct buf *out)
{
	if (byte == '\n' || byte == '\t')
		return buf_add_char(out, byte);
	if (byte == '\r' && next != '\n' && next != '\0')
		buf_truncate(out, line_start(out, from));
	if (byte == '\b' && out->length > line_start(out, from)) {
		size_t at = out->length - 1;

		while (at > from && ((unsigned char)out->data[at] & 0xC0) == 0x80)
			at--;
		buf_truncate(out, at);
	}
	return 0;
}

int output_tail_text(const struct output_tail *tail, struct buf *out, uint64_t *ret_cut)
{
	const char *text = buf_string(&tail->bytes);
	size_t length = tail->bytes.length, at = 0, from = out->length;
	int r = 0;

	if (length > OUTPUT_TAIL_BYTES)
		at = length - OUTPUT_TAIL_BYTES;
	while (tail->total > length - at && at < length && ((unsigned char)text[at] & 0xC0) == 0x80)
		at++; /* the rest of a character that was cut */
	*ret_cut = tail->total - (length - at);
	while (at < length && r == 0) {
		size_t n;

		if (text[at] == ESC) {
			at = skip_escape(text, length, at);
			continue;
		}
		if ((unsigned char)text[at] < ' ' || text[at] == DEL) {
			r = take_control(text[at], at + 1 < length ? text[at + 1] : '\0', from,
					 out);
			at++;
			continue;
		}
		n = utf8_next(text + at, length - at);
		r = n > 0 ? buf_add(out, text + at, n) : buf_add_string(out, "\xEF\xBF\xBD");
		at += n > 0 ? n : 1;
	}
	return r;
}
