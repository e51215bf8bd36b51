/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * text-table - the rows of a Markdown table become aligned columns (L7).
 *
 * Column widths need every row, so rows are kept (up to a maximum) until the table ends. A table
 * that is wider than the screen has its widest columns narrowed and their cells wrapped: nothing is
 * cut off.
 *
 * Ownership  Owns the rows it keeps.
 * Errors     -ENOMEM, -EMSGSIZE; TABLE_FULL when a row more does not fit.
 * Tests      tests/unit/l7-shell/test-markdown.c.
 */
#pragma once

#include "l7-shell/wrap.h"

enum { TEXT_TABLE_BYTES_MAX = 256 * 1024, TEXT_TABLE_COLUMNS_MAX = 32 };

struct text_table {
	struct buf rows; /* lines, each ended by a newline */
};

void text_table_init(struct text_table *table);
void text_table_fini(struct text_table *table);

/* One line of Markdown, harmless, without newline. -EMSGSIZE when the table is full. */
must_check int text_table_add(struct text_table *table, const char *line, size_t length);

/*
 * True when the first two lines are a head and a row of dashes; only then text_table_render() has
 * meaning.
 */
bool text_table_is_table(const struct text_table *table);

/* Writes the table to the wrap's output (lines of its own) and empties it. */
must_check int text_table_render(struct text_table *table, struct wrap *wrap);
