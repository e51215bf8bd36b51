/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/text-table.h"

#include "base/cleanup.h"
#include "l7-shell/inline-text.h"
#include "l7-shell/screen.h"

#include <string.h>

enum { CELL_BYTES_MAX = 8 * TEXT_TABLE_BYTES_MAX, COLUMN_MIN = 6, RULE_COLUMNS = 3 };

#define RULE_BAR " \xE2\x94\x82 "                         /* " │ " */
#define RULE_CROSS "\xE2\x94\x80\xE2\x94\xBC\xE2\x94\x80" /* "─┼─" */
#define RULE_DASH "\xE2\x94\x80"                          /* "─" */

enum align { ALIGN_LEFT, ALIGN_RIGHT, ALIGN_CENTRE };

struct layout {
	size_t n;
	size_t columns[TEXT_TABLE_COLUMNS_MAX];
	enum align align[TEXT_TABLE_COLUMNS_MAX];
};

/* A borrowed piece of a line. */
struct cell {
	const char *at;
	size_t length;
};

void text_table_init(struct text_table *table)
{
	*table = (struct text_table){ .rows = BUF(TEXT_TABLE_BYTES_MAX) };
}

void text_table_fini(struct text_table *table)
{
	buf_free(&table->rows);
}

int text_table_add(struct text_table *table, const char *line, size_t length)
{
	int r;

	if (length + 1 > table->rows.max - table->rows.length)
		return -EMSGSIZE;
	r = buf_add(&table->rows, line, length);
	return r < 0 ? r : buf_add_char(&table->rows, '\n');
}

static struct cell trim(struct cell cell)
{
	while (cell.length > 0 && (*cell.at == ' ' || *cell.at == '\t')) {
		cell.at++;
		cell.length--;
	}
	while (cell.length > 0 &&
	       (cell.at[cell.length - 1] == ' ' || cell.at[cell.length - 1] == '\t'))
		cell.length--;
	return cell;
}

/* Bars inside code spans and behind a backslash do not divide. */
static size_t cell_end(struct cell line, size_t from)
{
	bool code = false;

	for (size_t i = from; i < line.length; i++) {
		if (line.at[i] == '\\' && !code)
			i++;
		else if (line.at[i] == '`')
			code = !code;
		else if (line.at[i] == '|' && !code)
			return i;
	}
	return line.length;
}

/* At most max cells: what is beyond the last column stays in its cell. */
static size_t split(struct cell line, size_t max, struct cell cells[TEXT_TABLE_COLUMNS_MAX])
{
	size_t n = 0, at = 0;

	line = trim(line);
	if (line.length > 0 && line.at[0] == '|')
		at = 1;
	if (line.length > at && line.at[line.length - 1] == '|')
		line.length--;
	while (at < line.length && n < max) {
		size_t end = n + 1 == max ? line.length : cell_end(line, at);

		cells[n++] = trim((struct cell){ line.at + at, end - at });
		at = end + 1;
	}
	return n;
}

static struct cell next_line(const char **at)
{
	struct cell line = { *at, strcspn(*at, "\n") };

	*at += line.length + ((*at)[line.length] == '\n');
	return line;
}

static bool is_dashes(struct cell cell, enum align *ret_align)
{
	bool left = cell.length > 0 && cell.at[0] == ':';
	bool right = cell.length > 1 && cell.at[cell.length - 1] == ':';
	size_t dashes = cell.length - left - right;

	if (cell.length <= (size_t)left + right || strspn(cell.at + left, "-") < dashes)
		return false;
	*ret_align = !right ? ALIGN_LEFT : left ? ALIGN_CENTRE : ALIGN_RIGHT;
	return true;
}

static bool read_head(const struct text_table *table, struct layout *ret)
{
	struct cell head[TEXT_TABLE_COLUMNS_MAX], dashes[TEXT_TABLE_COLUMNS_MAX];
	const char *at = buf_string(&table->rows);
	size_t n = split(next_line(&at), TEXT_TABLE_COLUMNS_MAX, head);
	size_t n_dashes = split(next_line(&at), TEXT_TABLE_COLUMNS_MAX, dashes);

	*ret = (struct layout){ .n = n };
	if (n == 0 || n_dashes != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_dashes(dashes[i], &ret->align[i]))
			return false;
	return true;
}

bool text_table_is_table(const struct text_table *table)
{
	struct layout layout;

	return read_head(table, &layout);
}

/* A cell as lines of at most columns (0: one line). */
static int render_cell(const struct wrap *like, struct cell cell, unsigned style, size_t columns,
		       struct buf *out)
{
	struct inline_text text;
	struct wrap wrap;
	int r;

	wrap_init(&wrap, out, columns, like->attributes, like->colour);
	inline_init(&text);
	r = inline_feed(&text, cell.at, cell.length, style, &wrap);
	if (r == 0)
		r = inline_end(&text, style, &wrap);
	if (r == 0)
		r = wrap_end_line(&wrap);
	inline_fini(&text);
	wrap_fini(&wrap);
	return r;
}

static int measure(const struct text_table *table, const struct wrap *like, struct layout *layout)
{
	const char *at = buf_string(&table->rows);
	auto_buf struct buf text = BUF(CELL_BYTES_MAX);

	for (size_t row = 0; *at; row++) {
		struct cell cells[TEXT_TABLE_COLUMNS_MAX];
		size_t n = split(next_line(&at), layout->n, cells);

		for (size_t i = 0; i < n && i < layout->n && row != 1; i++) {
			size_t columns;
			int r;

			buf_truncate(&text, 0);
			r = render_cell(like, cells[i], STYLE_PLAIN, 0, &text);
			if (r < 0)
				return r;
			columns = wrap_line_columns(text.data, text.length - 1);
			if (columns > layout->columns[i])
				layout->columns[i] = columns;
		}
	}
	return 0;
}

/* Takes a column from the widest one until the table fits or nothing more can be taken. */
static void narrow(struct layout *layout, size_t limit)
{
	size_t total = layout->n > 0 ? (layout->n - 1) * RULE_COLUMNS : 0;

	for (size_t i = 0; i < layout->n; i++)
		total += layout->columns[i];
	while (limit > 0 && total > limit) {
		size_t widest = 0;

		for (size_t i = 1; i < layout->n; i++)
			if (layout->columns[i] > layout->columns[widest])
				widest = i;
		if (layout->columns[widest] <= COLUMN_MIN)
			return;
		layout->columns[widest]--;
		total--;
	}
}

static int add_spaces(struct buf *out, size_t n)
{
	int r = 0;

	while (n-- > 0 && r == 0)
		r = buf_add_char(out, ' ');
	return r;
}

static int add_padded(const struct layout *layout, size_t column, struct cell line, bool last,
		      struct buf *out)
{
	size_t used = wrap_line_columns(line.at, line.length), width = layout->columns[column];
	size_t space = width > used ? width - used : 0, before = 0;
	int r;

	if (last && line.length == 0)
		return 0;
	if (layout->align[column] == ALIGN_RIGHT)
		before = space;
	else if (layout->align[column] == ALIGN_CENTRE)
		before = space / 2;
	r = add_spaces(out, before);
	if (r == 0)
		r = buf_add(out, line.at, line.length);
	if (r == 0 && !last)
		r = add_spaces(out, space - before);
	return r;
}

static int render_row(const struct wrap *wrap, const struct layout *layout, struct cell row,
		      unsigned style)
{
	struct cell cells[TEXT_TABLE_COLUMNS_MAX];
	size_t n = split(row, layout->n, cells);
	struct buf texts[TEXT_TABLE_COLUMNS_MAX];
	const char *at[TEXT_TABLE_COLUMNS_MAX];
	bool more = true;
	int r = 0;

	for (size_t i = 0; i < layout->n; i++) {
		struct cell cell = i < n ? cells[i] : (struct cell){ "", 0 };

		texts[i] = BUF(CELL_BYTES_MAX);
		if (r == 0)
			r = render_cell(wrap, cell, style, layout->columns[i], &texts[i]);
		at[i] = buf_string(&texts[i]);
	}
	while (r == 0 && more) {
		more = false;
		for (size_t i = 0; i < layout->n && r == 0; i++) {
			if (i > 0)
				r = buf_add_string(wrap->out, RULE_BAR);
			if (r == 0)
				r = add_padded(layout, i, next_line(&at[i]), i + 1 == layout->n,
					       wrap->out);
			more = more || *at[i];
		}
		if (r == 0)
			r = buf_add_char(wrap->out, '\n');
	}
	for (size_t i = 0; i < layout->n; i++)
		buf_free(&texts[i]);
	return r;
}

static int render_rule(const struct layout *layout, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < layout->n && r == 0; i++) {
		r = i > 0 ? buf_add_string(out, RULE_CROSS) : 0;
		for (size_t k = 0; k < layout->columns[i] && r == 0; k++)
			r = buf_add_string(out, RULE_DASH);
	}
	return r < 0 ? r : buf_add_char(out, '\n');
}

int text_table_render(struct text_table *table, struct wrap *wrap)
{
	const char *at = buf_string(&table->rows);
	struct layout layout;
	int r = read_head(table, &layout) ? 0 : -EINVAL;

	if (r == 0)
		r = measure(table, wrap, &layout);
	if (r == 0)
		narrow(&layout, wrap->columns);
	for (size_t row = 0; *at && r == 0; row++) {
		struct cell line = next_line(&at);

		if (row == 1)
			r = render_rule(&layout, wrap->out);
		else
			r = render_row(wrap, &layout, line, row == 0 ? STYLE_BOLD : STYLE_PLAIN);
	}
	buf_truncate(&table->rows, 0);
	return r;
}
