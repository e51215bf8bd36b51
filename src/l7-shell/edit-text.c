/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/edit-text.h"

#include "l7-shell/glyph.h"

#include <string.h>

void edit_text_free(struct edit_text *edit)
{
	buf_free(&edit->text);
	buf_free(&edit->killed);
	edit->cursor = 0;
}

static size_t cluster(const struct edit_text *edit, size_t at)
{
	unsigned columns;

	return glyph_cluster(edit->text.data + at, edit->text.length - at, &columns);
}

static size_t line_start(const struct edit_text *edit, size_t at)
{
	while (at > 0 && edit->text.data[at - 1] != '\n')
		at--;
	return at;
}

static size_t line_end(const struct edit_text *edit, size_t at)
{
	while (at < edit->text.length && edit->text.data[at] != '\n')
		at++;
	return at;
}

/* The start of the cluster that ends at or covers `at`, from `from` on, where one begins. */
static size_t cluster_before(const struct edit_text *edit, size_t from, size_t at)
{
	size_t before = from;

	while (from < at) {
		before = from;
		from += cluster(edit, from);
	}
	return before;
}

/* The place between clusters that is nearest to at: behind it or in front of it. */
static size_t snap(const struct edit_text *edit, size_t at, bool behind)
{
	size_t start, before;

	if (at == edit->text.length)
		return at;
	start = before = line_start(edit, at);
	while (start < at) {
		before = start;
		start += cluster(edit, start);
	}
	return start == at || behind ? start : before;
}

int edit_text_insert(struct edit_text *edit, const char *text, size_t length)
{
	size_t behind = edit->text.length - edit->cursor;
	char *room;
	int r;

	if (length == 0)
		return 0;
	r = buf_reserve(&edit->text, length, &room);
	if (r < 0)
		return r;
	memmove(edit->text.data + edit->cursor + length, edit->text.data + edit->cursor, behind);
	memcpy(edit->text.data + edit->cursor, text, length);
	buf_commit(&edit->text, length);
	edit->cursor += length;
	/* what was put in may be the front of what stands behind it: a letter before a mark */
	edit->cursor = snap(edit, edit->cursor, true);
	return 0;
}

int edit_text_set(struct edit_text *edit, const char *text)
{
	size_t length = strlen(text);

	if (length > edit->text.max - 1)
		return -EMSGSIZE;
	edit_text_clear(edit);
	return edit_text_insert(edit, text, length);
}

void edit_text_clear(struct edit_text *edit)
{
	buf_truncate(&edit->text, 0);
	edit->cursor = 0;
}

size_t edit_text_left(const struct edit_text *edit)
{
	size_t start = line_start(edit, edit->cursor);

	if (edit->cursor == 0)
		return 0;
	return edit->cursor == start ? start - 1 : cluster_before(edit, start, edit->cursor);
}

size_t edit_text_right(const struct edit_text *edit)
{
	return edit->cursor == edit->text.length ? edit->cursor
						 : edit->cursor + cluster(edit, edit->cursor);
}

/* Letters, digits and everything beyond ASCII make words. */
static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c & 0x80);
}

size_t edit_text_word_left(const struct edit_text *edit)
{
	size_t at = edit->cursor;

	while (at > 0 && !is_word(edit->text.data[at - 1]))
		at--;
	while (at > 0 && is_word(edit->text.data[at - 1]))
		at--;
	return snap(edit, at, false);
}

size_t edit_text_word_right(const struct edit_text *edit)
{
	size_t at = edit->cursor;

	while (at < edit->text.length && !is_word(edit->text.data[at]))
		at++;
	while (at < edit->text.length && is_word(edit->text.data[at]))
		at++;
	return snap(edit, at, true);
}

size_t edit_text_line_start(const struct edit_text *edit)
{
	return line_start(edit, edit->cursor);
}

size_t edit_text_line_end(const struct edit_text *edit)
{
	return line_end(edit, edit->cursor);
}

/* The place in the line that begins at start whose column is nearest to columns from the left. */
static size_t place(const struct edit_text *edit, size_t start, size_t columns)
{
	size_t end = line_end(edit, start), at = start, used = 0;

	while (at < end) {
		unsigned width;
		size_t n = glyph_cluster(edit->text.data + at, end - at, &width);

		if (used + width > columns)
			break;
		used += width;
		at += n;
	}
	return at;
}

static size_t column(const struct edit_text *edit)
{
	size_t start = line_start(edit, edit->cursor);

	return glyph_text_width(edit->text.data + start, edit->cursor - start);
}

bool edit_text_up(struct edit_text *edit)
{
	size_t start = line_start(edit, edit->cursor);

	if (start == 0)
		return false;
	edit->cursor = place(edit, line_start(edit, start - 1), column(edit));
	return true;
}

bool edit_text_down(struct edit_text *edit)
{
	size_t end = line_end(edit, edit->cursor);

	if (end == edit->text.length)
		return false;
	edit->cursor = place(edit, end + 1, column(edit));
	return true;
}

void edit_text_remove(struct edit_text *edit, size_t other)
{
	size_t from = other < edit->cursor ? other : edit->cursor;
	size_t to = other < edit->cursor ? edit->cursor : other;

	if (from == to)
		return;
	memmove(edit->text.data + from, edit->text.data + to, edit->text.length - to);
	buf_truncate(&edit->text, edit->text.length - (to - from));
	/* what stood apart may belong together now: halves of flags */
	edit->cursor = snap(edit, from, true);
}

int edit_text_kill(struct edit_text *edit, size_t other)
{
	size_t from = other < edit->cursor ? other : edit->cursor;
	size_t to = other < edit->cursor ? edit->cursor : other;
	int r;

	if (from == to)
		return 0;
	buf_truncate(&edit->killed, 0);
	r = buf_add(&edit->killed, edit->text.data + from, to - from);
	if (r == 0)
		edit_text_remove(edit, other);
	return r;
}

int edit_text_yank(struct edit_text *edit)
{
	return edit_text_insert(edit, buf_string(&edit->killed), edit->killed.length);
}

int edit_text_transpose(struct edit_text *edit)
{
	auto_buf struct buf moved = BUF(EDIT_TEXT_BYTES_MAX);
	size_t before;
	int r;

	if (edit->cursor == edit->text.length && edit->cursor > 0)
		edit->cursor = edit_text_left(edit);
	if (edit->cursor == edit_text_line_start(edit) || edit->cursor == edit_text_line_end(edit))
		return 0;
	before = edit_text_left(edit);
	r = buf_add(&moved, edit->text.data + before, edit->cursor - before);
	if (r < 0)
		return r;
	edit_text_remove(edit, before);
	edit->cursor = edit_text_right(edit);
	return edit_text_insert(edit, moved.data, moved.length);
}
