/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/flow.h"

#include "l7-shell/glyph.h"
#include "l7-shell/sanitise.h"

#include <stdarg.h>
#include <string.h>

enum { PART_BYTES_MAX = 64 * 1024, ROOM_MIN = 16 };

#define SEPARATOR " \xC2\xB7 " /* " · " */
enum { SEPARATOR_COLUMNS = 3 };

void flow_begin(struct flow *flow, struct screen *screen, size_t column, size_t indent)
{
	*flow = (struct flow){ .screen = screen, .column = column, .indent = indent, .glue = true };
}

static void put(struct flow *flow, unsigned style, const char *text, size_t length)
{
	screen_put(flow->screen, style, text, length);
	flow->column += glyph_text_width(text, length);
}

static void next_line(struct flow *flow)
{
	screen_own(flow->screen, STYLE_PLAIN, "\n%*s", (int)flow->indent, "");
	flow->column = flow->indent;
}

static size_t room(const struct flow *flow)
{
	size_t columns = flow->screen->columns;

	return columns > flow->column ? columns - flow->column : 0;
}

/* The front of text that fits, up to a space where there is one; what follows goes on the next
 * line. */
static size_t front(const struct flow *flow, const char *text, size_t length)
{
	size_t fits = glyph_fit(text, length, room(flow) < ROOM_MIN ? ROOM_MIN : room(flow));

	if (fits == length)
		return length;
	for (size_t at = fits; at > 0; at--)
		if (text[at] == ' ')
			return at;
	return fits > 0 ? fits : length;
}

/* Harmless text as the next part. */
static void add(struct flow *flow, unsigned style, const char *text, size_t length)
{
	size_t width = glyph_text_width(text, length);
	size_t needed = width + (flow->glue ? 0 : SEPARATOR_COLUMNS);

	if (!flow->screen->terminal) {
		if (!flow->glue)
			put(flow, STYLE_DIM, SEPARATOR, strlen(SEPARATOR));
		put(flow, style, text, length);
	} else {
		if (needed > room(flow) && flow->column > flow->indent)
			next_line(flow);
		else if (!flow->glue)
			put(flow, STYLE_DIM, SEPARATOR, strlen(SEPARATOR));
		while (length > 0) {
			size_t n = front(flow, text, length);

			put(flow, style, text, n);
			text += n;
			length -= n;
			if (length == 0)
				break;
			next_line(flow);
			while (length > 0 && *text == ' ')
				text++, length--;
		}
	}
	flow->glue = false;
}

void flow_own(struct flow *flow, unsigned style, const char *fmt, ...)
{
	auto_buf struct buf text = BUF(PART_BYTES_MAX);
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (r >= 0)
		add(flow, style, buf_string(&text), text.length);
}

void flow_foreign(struct flow *flow, unsigned style, const char *words, const char *text)
{
	auto_buf struct buf part = BUF(PART_BYTES_MAX);
	int r = buf_add_string(&part, words);

	if (r == 0) /* an escape takes up to 8 bytes per byte */
		r = sanitise_text(text, strnlen(text, PART_BYTES_MAX / 9), SANITISE_LINE, &part);
	if (r == 0)
		add(flow, style, buf_string(&part), part.length);
}

void flow_end(struct flow *flow)
{
	screen_own(flow->screen, STYLE_PLAIN, "\n");
}
