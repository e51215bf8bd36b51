/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * key-reader - the bytes a terminal sends become keys (L7).
 *
 * Control characters, the sequences of cursor keys (ECMA-48, with xterm's modifiers), Alt as a
 * leading escape, bracketed paste, UTF-8. Bytes may come in pieces cut anywhere; sequences that are
 * not known do nothing.
 *
 * Ownership  key_reader_free() releases what it gathers; the text of a key is borrowed for the
 * call. Errors     What on_key returns; -ENOMEM. A paste beyond its maximum is cut. Source ECMA-48
 * section 5.4; xterm's control sequences (ctlseqs). Tests tests/unit/l7-shell/test-key-reader.c,
 * fuzz/fuzz-key-reader.c.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

enum key {
	KEY_NONE, /* does nothing */
	KEY_TEXT, /* a character, or a paste: text is valid UTF-8 */
	KEY_PASTE,
	KEY_ENTER,
	KEY_NEWLINE, /* Alt-Enter, Shift-Enter: a line break in the text */
	KEY_TAB,
	KEY_BACKSPACE,
	KEY_DELETE,
	KEY_LEFT,
	KEY_RIGHT,
	KEY_UP,
	KEY_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_WORD_LEFT,
	KEY_WORD_RIGHT,
	KEY_KILL_LINE_END,
	KEY_KILL_LINE_START,
	KEY_KILL_WORD_LEFT,
	KEY_KILL_WORD_RIGHT,
	KEY_YANK,
	KEY_TRANSPOSE,
	KEY_CLEAR,
	KEY_SEARCH,
	KEY_STOP_INPUT, /* Ctrl-D */
	KEY_LEAVE,      /* Ctrl-G: ends a search */
	KEY_MODE,       /* F2 */
};

enum { KEY_SEQUENCE_MAX = 24, KEY_PASTE_BYTES_MAX = 1024 * 1024 };

struct key_reader {
	enum {
		KEY_READER_PLAIN,
		KEY_READER_ESCAPE,
		KEY_READER_CSI,
		KEY_READER_SS3,
		KEY_READER_PASTE
	} state;
	char held[KEY_SEQUENCE_MAX]; /* a character or a sequence that is not whole yet */
	size_t n_held;
	struct buf paste;
	/* text is NULL but for KEY_TEXT and KEY_PASTE. */
	int (*on_key)(enum key key, const char *text, size_t length, void *data);
	void *data;
};

void key_reader_init(struct key_reader *reader,
		     int (*on_key)(enum key key, const char *text, size_t length, void *data),
		     void *data);
void key_reader_free(struct key_reader *reader);

must_check int key_reader_feed(struct key_reader *reader, const char *bytes, size_t length);
