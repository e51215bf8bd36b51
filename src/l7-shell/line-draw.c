/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/line-draw.h"

#include "l7-shell/glyph.h"

#include <string.h>

#define SAVE "\0337"
#define RESTORE "\0338"
#define INDEX "\033D"
#define ERASE_BELOW "\033[J"
#define ERASE_LINE "\033[K"
#define BOLD "\033[0;1m"
#define DIM "\033[0;2m"
#define PLAIN "\033[0m"
#define MORE "\xE2\x80\xA6 " /* "… " */
#define TAB "    "

enum { MORE_COLUMNS = 2, ROOM_MIN = 4 };

/* One row of the text. */
struct row {
	size_t start, end, next; /* next: where the following row starts */
	bool last;
	size_t used; /* columns of its text */
};

static size_t indent(const struct line_look *look)
{
	return glyph_text_width(look->prompt, strlen(look->prompt));
}

/* One column stays free: the cursor has a place behind a full row. */
static size_t room(const struct line_look *look)
{
	size_t taken = indent(look) + 1;

	return look->columns > taken + ROOM_MIN ? look->columns - taken : ROOM_MIN;
}

static struct row row_at(const struct line_look *look, size_t start)
{
	struct row row = { .start = start };
	size_t most = room(look), at = start;

	while (at < look->length && look->text[at] != '\n') {
		unsigned width;
		size_t n = glyph_cluster(look->text + at, look->length - at, &width);

		if (look->text[at] == '\t')
			width = (unsigned)strlen(TAB);
		if (row.used + width > most && at > start)
			break;
		row.used += width;
		at += n;
	}
	row.end = at;
	row.last = at == look->length;
	row.next = at + (!row.last && look->text[at] == '\n');
	return row;
}

static bool has_cursor(const struct line_look *look, const struct row *row)
{
	bool wrapped = !row->last && row->next == row->end;

	return look->cursor >= row->start &&
	       (wrapped ? look->cursor < row->end : look->cursor <= row->end);
}

static int add_styled(const struct line_look *look, const char *style, const char *text,
		      struct buf *out)
{
	int r = look->attributes ? buf_add_string(out, style) : 0;

	if (r == 0)
		r = buf_add_string(out, text);
	return r == 0 && look->attributes ? buf_add_string(out, PLAIN) : r;
}

static int add_text(const char *text, size_t length, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < length && r == 0; i++)
		r = text[i] == '\t' ? buf_add_string(out, TAB) : buf_add_char(out, text[i]);
	return r;
}

/* The row's front up to `end`: prompt, sign of a further line, or nothing, then text. */
static int add_row(const struct line_look *look, const struct row *row, size_t end, struct buf *out)
{
	size_t columns = indent(look);
	int r;

	if (row->start == 0)
		r = add_styled(look, BOLD, look->prompt, out);
	else if (look->text[row->start - 1] == '\n' && columns >= MORE_COLUMNS)
		r = buf_printf(out, "%*s" MORE, (int)(columns - MORE_COLUMNS), "");
	else
		r = buf_printf(out, "%*s", (int)columns, "");
	return r < 0 ? r : add_text(look->text + row->start, end - row->start, out);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* Rows of the text, and which of them has the cursor. */
static size_t count_rows(const struct line_look *look, size_t *ret_cursor)
{
	size_t n = 0, at = 0;

	for (;;) {
		struct row row = row_at(look, at);

		if (has_cursor(look, &row))
			*ret_cursor = n;
		n++;
		if (row.last)
			return n;
		at = row.next;
	}
}

static int add_dim_rows(const struct line_look *look, const char *text, struct buf *out)
{
	int r = 0;

	while (*text && r == 0) {
		size_t n = strcspn(text, "\n");
		size_t fits = glyph_fit(text, n, look->columns - 1);

		r = buf_add_string(out, look->attributes ? DIM : "");
		if (r == 0)
			r = buf_add(out, text, fits);
		if (r == 0)
			r = buf_printf(out, "%s" ERASE_LINE "\r\n", look->attributes ? PLAIN : "");
		text += n + (text[n] == '\n');
	}
	return r;
}

/* Makes room for that many rows, remembers where the output ended, and goes to the first row. */
static int begin(struct line_drawing *drawing, const struct line_look *look, size_t rows,
		 struct buf *out)
{
	size_t down = rows - 1 + look->below;
	int r = drawing->drawn ? buf_add_string(out, RESTORE) : 0;

	for (size_t i = 0; i < down && r == 0; i++)
		r = buf_add_string(out, INDEX);
	if (r == 0 && down > 0)
		r = buf_printf(out, "\033[%zuA", down);
	if (r == 0)
		r = buf_add_string(out, SAVE);
	drawing->drawn = true;
	return r < 0 ? r : buf_add_string(out, look->below ? "\r\n" : "\r");
}

/* The rows [top, top + shown) of the text; the cursor's row is told. */
static int add_rows(const struct line_look *look, size_t top, size_t shown, struct row *ret_cursor,
		    struct row *ret_last, struct buf *out)
{
	size_t at = 0;
	int r = 0;

	for (size_t i = 0; i < top + shown && r == 0; i++) {
		struct row row = row_at(look, at);

		at = row.next;
		if (i < top)
			continue;
		if (has_cursor(look, &row))
			*ret_cursor = row;
		*ret_last = row;
		r = add_row(look, &row, row.end, out);
		if (r == 0)
			r = buf_add_string(out,
					   i + 1 < top + shown ? ERASE_LINE "\r\n" : ERASE_BELOW);
	}
	return r;
}

/* One more piece at the end of the last row needs no more than itself. */
static bool may_append(const struct line_drawing *drawing, const struct line_look *look,
		       size_t *ret_width)
{
	const char *piece = look->text + drawing->length;
	size_t n = look->length - drawing->length;

	if (!drawing->drawn || !drawing->simple || look->length <= drawing->length ||
	    look->cursor != look->length || *look->hint || memchr(piece, '\n', n) ||
	    memchr(piece, '\t', n))
		return false;
	*ret_width = glyph_text_width(piece, n);
	return drawing->used + *ret_width <= room(look);
}

static int place_cursor(const struct line_look *look, const struct row *row, size_t up,
			struct buf *out)
{
	int r = up > 0 ? buf_printf(out, "\033[%zuA\r", up) : buf_add_char(out, '\r');

	return r < 0 ? r : add_row(look, row, look->cursor, out);
}

/* Which rows of the text are shown, when there is not room for all. */
static size_t choose_top(size_t top, size_t cursor, size_t shown, size_t total)
{
	if (cursor < top)
		top = cursor;
	if (cursor >= top + shown)
		top = cursor - shown + 1;
	return top + shown > total ? total - shown : top;
}

int line_draw(struct line_drawing *drawing, const struct line_look *look, struct buf *out)
{
	size_t above = count_lines(look->above), hint = *look->hint ? 1 : 0, width;
	size_t most = look->rows > above + hint + 2 ? look->rows - above - hint - 1 : 1;
	size_t cursor = 0, total, shown;
	struct row row = { 0 }, last = { 0 };
	int r;

	if (may_append(drawing, look, &width)) {
		r = add_text(look->text + drawing->length, look->length - drawing->length, out);
		drawing->used += width;
		drawing->length = look->length;
		return r;
	}
	total = count_rows(look, &cursor);
	shown = total < most ? total : most;
	drawing->top = choose_top(drawing->top, cursor, shown, total);
	r = begin(drawing, look, above + shown + hint, out);
	if (r == 0)
		r = add_dim_rows(look, look->above, out);
	if (r == 0)
		r = add_rows(look, drawing->top, shown, &row, &last, out);
	if (r == 0 && hint > 0) {
		size_t fits = glyph_fit(look->hint, strlen(look->hint), look->columns - 1);

		r = buf_printf(out, "\r\n%s%.*s%s", look->attributes ? DIM : "", (int)fits,
			       look->hint, look->attributes ? PLAIN : "");
	}
	drawing->simple = look->cursor == look->length && hint == 0;
	drawing->used = last.used;
	drawing->length = look->length;
	if (r == 0 && !drawing->simple)
		r = place_cursor(look, &row, drawing->top + shown + hint - 1 - cursor, out);
	return r;
}

int line_draw_erase(struct line_drawing *drawing, bool below, struct buf *out)
{
	if (!drawing->drawn)
		return 0;
	*drawing = (struct line_drawing){ 0 };
	return buf_add_string(out,
			      below ? RESTORE "\r\n" ERASE_BELOW RESTORE : RESTORE ERASE_BELOW);
}

int line_draw_leave(struct line_drawing *drawing, const struct line_look *look, const char *mark,
		    struct buf *out)
{
	size_t at = 0;
	int r = line_draw_erase(drawing, look->below, out);

	if (r == 0 && look->below)
		r = buf_add_string(out, "\r\n");
	for (;;) {
		struct row row = row_at(look, at);

		if (r == 0)
			r = add_row(look, &row, row.end, out);
		if (r == 0 && row.last)
			r = buf_add_string(out, mark);
		if (r == 0)
			r = buf_add_string(out, "\r\n");
		if (r < 0 || row.last)
			return r;
		at = row.next;
	}
}
