/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   key_reader_feed() and what its keys do to an edit_text, as the line editor lets them.
 * Property characters are valid UTF-8 without controls; the cursor stands between clusters and
 * never behind the text; the same bytes in pieces give the same keys. Corpus
 * fuzz/corpus/key-reader/.
 */
#include "base/utf8.h"
#include "l7-shell/edit-text.h"
#include "l7-shell/key-reader.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct typed {
	struct edit_text edit;
	uint64_t hash;
};

static void check(const struct edit_text *edit)
{
	struct edit_text at = *edit;

	if (edit->cursor > edit->text.length)
		abort();
	if (edit->text.length == 0)
		return;
	for (at.cursor = edit_text_line_start(edit); at.cursor < edit->cursor;)
		at.cursor = edit_text_right(&at);
	if (at.cursor != edit->cursor)
		abort();
}

static void move(struct edit_text *edit, enum key key)
{
	switch (key) {
	case KEY_LEFT:
		edit->cursor = edit_text_left(edit);
		break;
	case KEY_RIGHT:
		edit->cursor = edit_text_right(edit);
		break;
	case KEY_UP:
		(void)edit_text_up(edit);
		break;
	case KEY_DOWN:
		(void)edit_text_down(edit);
		break;
	case KEY_HOME:
		edit->cursor = edit_text_line_start(edit);
		break;
	case KEY_BACKSPACE:
		edit_text_remove(edit, edit_text_left(edit));
		break;
	default:
		break;
	}
}

static int on_key(enum key key, const char *text, size_t length, void *data)
{
	struct typed *typed = data;
	int r = 0;

	typed->hash = typed->hash * 31 + key;
	if (key == KEY_TEXT) {
		if (!utf8_is_valid(text, length) || (unsigned char)*text < ' ' || *text == 0x7F)
			abort();
		r = edit_text_insert(&typed->edit, text, length);
	} else if (key == KEY_ENTER) {
		r = edit_text_insert(&typed->edit, "\n", 1);
	} else {
		move(&typed->edit, key);
	}
	check(&typed->edit);
	return r == -EMSGSIZE ? 0 : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct typed whole = { .edit = EDIT_TEXT }, pieces = { .edit = EDIT_TEXT };
	struct key_reader reader;
	int r;

	key_reader_init(&reader, on_key, &whole);
	r = key_reader_feed(&reader, (const char *)data, size);
	key_reader_free(&reader);
	key_reader_init(&reader, on_key, &pieces);
	for (size_t i = 0; i < size && r == 0; i++)
		r = key_reader_feed(&reader, (const char *)data + i, 1);
	key_reader_free(&reader);
	if (r == 0 &&
	    (whole.hash != pieces.hash || whole.edit.text.length != pieces.edit.text.length))
		abort();
	edit_text_free(&whole.edit);
	edit_text_free(&pieces.edit);
	return 0;
}
