/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/edit-text.h"

#include "harness/tap.h"
#include "l7-shell/glyph.h"

#include <stdlib.h>

#define FAMILY "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7"
#define ACCENT "e\xCC\x81"
#define FLAG "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA"
#define HEART "\xE2\x9D\xA4\xEF\xB8\x8F"
#define THUMB "\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD"
#define KI "\xE0\xA4\x95\xE0\xA4\xBF" /* Devanagari ka with a spacing sign */

static size_t cluster(const char *text, unsigned *ret_columns)
{
	return glyph_cluster(text, strlen(text), ret_columns);
}

TEST(a_cluster_is_what_a_person_takes_for_one_character)
{
	static const struct {
		const char *text;
		size_t length;
		unsigned columns;
	} rows[] = {
		{ "ab", 1, 1 },
		{ ACCENT "x", 3, 1 },
		{ FAMILY "x", 18, 6 },
		{ FLAG FLAG, 8, 2 },
		{ HEART "x", 6, 2 },
		{ THUMB "x", 8, 4 },
		{ KI "x", 6, 2 },
		{ "\xE6\xBC\xA2\xE5\xAD\x97", 3, 2 },
		{ "\n" ACCENT, 1, 0 },
		{ "\xFF\xFF", 1, 1 },
		{ "a\xE2\x80\x8D"
		  "b",
		  4, 1 }, /* a joiner joins no letters */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned columns = 0;

		EXPECT_INT(cluster(rows[i].text, &columns), ==, rows[i].length);
		EXPECT_INT(columns, ==, rows[i].columns);
	}
}

TEST(a_text_is_never_cut_inside_a_cluster)
{
	EXPECT_INT(glyph_fit(FAMILY "x", 19, 5), ==, 0);
	EXPECT_INT(glyph_fit(FAMILY "x", 19, 6), ==, 18);
	EXPECT_INT(glyph_fit("a" ACCENT "b", 5, 2), ==, 4);
	EXPECT_INT(glyph_before("a" FAMILY, 19), ==, 1);
	EXPECT_INT(glyph_before("", 0), ==, 0);
}

static struct edit_text text_of(const char *text)
{
	struct edit_text edit = EDIT_TEXT;
	struct error err = { 0 };

	EXPECT_OK(edit_text_set(&edit, text), &err);
	return edit;
}

TEST(the_cursor_moves_and_cuts_by_clusters)
{
	struct edit_text edit = text_of("a" FAMILY ACCENT);
	struct error err = { 0 };

	edit.cursor = edit_text_left(&edit);
	EXPECT_INT(edit.cursor, ==, 19);
	edit.cursor = edit_text_left(&edit);
	EXPECT_INT(edit.cursor, ==, 1);
	EXPECT_INT(edit_text_right(&edit), ==, 19);
	edit_text_remove(&edit, edit_text_right(&edit));
	EXPECT_STR(buf_string(&edit.text), "a" ACCENT);
	EXPECT_OK(edit_text_kill(&edit, edit_text_line_start(&edit)), &err);
	EXPECT_STR(buf_string(&edit.text), ACCENT);
	edit.cursor = edit.text.length;
	EXPECT_OK(edit_text_yank(&edit), &err);
	EXPECT_STR(buf_string(&edit.text), ACCENT "a");
	edit_text_free(&edit);
}

TEST(halves_of_a_flag_that_come_together_are_one_for_the_cursor)
{
	struct edit_text edit = text_of("\xF0\x9F\x87\xA9x\xF0\x9F\x87\xAA");

	edit.cursor = 5;
	edit_text_remove(&edit, edit_text_left(&edit));
	EXPECT_INT(edit.text.length, ==, 8);
	EXPECT_INT(edit.cursor, ==, 8);
	EXPECT_INT(edit_text_left(&edit), ==, 0);
	edit_text_free(&edit);
}

TEST(a_letter_put_before_a_mark_takes_it)
{
	struct edit_text edit = text_of("x");
	struct error err = { 0 };

	EXPECT_OK(edit_text_insert(&edit, "\xCC\x81", 2), &err);
	edit.cursor = 0;
	EXPECT_INT(edit_text_right(&edit), ==, 3);
	edit_text_clear(&edit);
	EXPECT_OK(edit_text_insert(&edit, "\xCC\x81", 2), &err);
	edit.cursor = 0;
	EXPECT_OK(edit_text_insert(&edit, "e", 1), &err);
	EXPECT_INT(edit.cursor, ==, 3);
	edit_text_free(&edit);
}

TEST(what_is_joined_by_a_cut_has_no_cursor_inside)
{
	struct edit_text edit = text_of("\xF0\x9F\x87\xA9x\xF0\x9F\x87\xAA");

	edit.cursor = 5;
	edit_text_remove(&edit, edit_text_left(&edit));
	EXPECT_INT(edit.cursor, ==, 8);
	edit_text_remove(&edit, edit_text_left(&edit));
	EXPECT_INT(edit.text.length, ==, 0);
	edit_text_free(&edit);
}

TEST(lines_and_words_are_found)
{
	struct edit_text edit = text_of("one two\nthree\n");

	EXPECT_INT(edit_text_up(&edit), ==, 1);
	EXPECT_INT(edit.cursor, ==, 8);
	edit.cursor = 12;
	EXPECT_INT(edit_text_up(&edit), ==, 1);
	EXPECT_INT(edit.cursor, ==, 4);
	EXPECT_INT(edit_text_up(&edit), ==, 0);
	EXPECT_INT(edit_text_word_right(&edit), ==, 7);
	EXPECT_INT(edit_text_line_end(&edit), ==, 7);
	EXPECT_INT(edit_text_word_left(&edit), ==, 0);
	EXPECT_INT(edit_text_down(&edit), ==, 1);
	EXPECT_INT(edit.cursor, ==, 12);
	EXPECT_INT(edit_text_down(&edit), ==, 1);
	EXPECT_INT(edit_text_down(&edit), ==, 0);
	edit_text_free(&edit);
	edit = text_of("a!\xCC\x81 b"); /* a mark on what is no letter belongs to no word alone */
	EXPECT_INT(edit_text_word_left(&edit), ==, 5);
	edit.cursor = 5;
	EXPECT_INT(edit_text_word_left(&edit), ==, 1);
	edit.cursor = 1;
	EXPECT_INT(edit_text_word_right(&edit), ==, 4);
	edit_text_free(&edit);
}

TEST(a_text_that_is_too_long_is_refused_and_nothing_changes)
{
	struct edit_text edit = EDIT_TEXT;
	char *big = calloc(1, EDIT_TEXT_BYTES_MAX + 2);

	EXPECT_INT(big != NULL, ==, 1);
	memset(big, 'x', EDIT_TEXT_BYTES_MAX + 1);
	EXPECT_INT(edit_text_insert(&edit, "a", 1), ==, 0);
	EXPECT_INT(edit_text_insert(&edit, big, EDIT_TEXT_BYTES_MAX), ==, -EMSGSIZE);
	EXPECT_STR(buf_string(&edit.text), "a");
	free(big);
	edit_text_free(&edit);
}
