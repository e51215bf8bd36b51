/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/key-reader.h"

#include "base/utf8.h"

#include <string.h>

enum { ESC = 0x1B, DEL = 0x7F, LAST_C1 = 0x9F };

static const char paste_end[] = "\033[201~";

/* What control characters do. */
static const unsigned char controls[' '] = {
	[0x01] = KEY_HOME,
	[0x02] = KEY_LEFT,
	[0x04] = KEY_STOP_INPUT,
	[0x05] = KEY_END,
	[0x06] = KEY_RIGHT,
	[0x07] = KEY_LEAVE,
	[0x08] = KEY_BACKSPACE,
	[0x09] = KEY_TAB,
	[0x0A] = KEY_ENTER,
	[0x0B] = KEY_KILL_LINE_END,
	[0x0C] = KEY_CLEAR,
	[0x0D] = KEY_ENTER,
	[0x0E] = KEY_DOWN,
	[0x10] = KEY_UP,
	[0x12] = KEY_SEARCH,
	[0x14] = KEY_TRANSPOSE,
	[0x15] = KEY_KILL_LINE_START,
	[0x17] = KEY_KILL_WORD_LEFT,
	[0x19] = KEY_YANK,
};

/* What a sequence behind ESC [ or ESC O means; Alt and Ctrl with an arrow move by words. */
static const struct {
	const char *sequence;
	enum key key;
} sequences[] = {
	{ "A", KEY_UP },
	{ "B", KEY_DOWN },
	{ "C", KEY_RIGHT },
	{ "D", KEY_LEFT },
	{ "H", KEY_HOME },
	{ "F", KEY_END },
	{ "1~", KEY_HOME },
	{ "7~", KEY_HOME },
	{ "4~", KEY_END },
	{ "8~", KEY_END },
	{ "3~", KEY_DELETE },
	{ "1;5C", KEY_WORD_RIGHT },
	{ "1;3C", KEY_WORD_RIGHT },
	{ "1;5D", KEY_WORD_LEFT },
	{ "1;3D", KEY_WORD_LEFT },
	{ "5C", KEY_WORD_RIGHT },
	{ "5D", KEY_WORD_LEFT },
	{ "3;5~", KEY_KILL_WORD_RIGHT },
	{ "3;3~", KEY_KILL_WORD_RIGHT },
	{ "Q", KEY_MODE },
	{ "12~", KEY_MODE },
	{ "[B", KEY_MODE },
	{ "13;2u", KEY_NEWLINE },
	{ "27;2;13~", KEY_NEWLINE },
};

/* ESC and a key. */
static const struct {
	char byte;
	enum key key;
} alts[] = {
	{ 'b', KEY_WORD_LEFT },      { 'f', KEY_WORD_RIGHT },      { 'd', KEY_KILL_WORD_RIGHT },
	{ DEL, KEY_KILL_WORD_LEFT }, { '\b', KEY_KILL_WORD_LEFT }, { '\r', KEY_NEWLINE },
	{ '\n', KEY_NEWLINE },
};

void key_reader_init(struct key_reader *reader,
		     int (*on_key)(enum key key, const char *text, size_t length, void *data),
		     void *data)
{
	*reader = (struct key_reader){ .paste = BUF(KEY_PASTE_BYTES_MAX),
				       .on_key = on_key,
				       .data = data };
}

void key_reader_free(struct key_reader *reader)
{
	buf_free(&reader->paste);
}

static int tell(struct key_reader *reader, enum key key)
{
	return key == KEY_NONE ? 0 : reader->on_key(key, NULL, 0, reader->data);
}

static int take_plain(struct key_reader *reader, char byte)
{
	unsigned char c = (unsigned char)byte;
	size_t length;

	if (c < ' ' || c == DEL) {
		reader->n_held = 0; /* a character that was cut off is none */
		if (c == ESC)
			reader->state = KEY_READER_ESCAPE;
		return tell(reader, c == DEL ? KEY_BACKSPACE : (enum key)controls[c]);
	}
	reader->held[reader->n_held++] = byte;
	length = utf8_next(reader->held, reader->n_held);
	if (length == 0) {
		if (!utf8_is_cut(reader->held, reader->n_held))
			reader->n_held = 0;
		return 0;
	}
	reader->n_held = 0;
	if (length == 2 && (unsigned char)reader->held[0] == 0xC2 &&
	    (unsigned char)reader->held[1] <= LAST_C1)
		return 0; /* C1 */
	return reader->on_key(KEY_TEXT, reader->held, length, reader->data);
}

static int take_escape(struct key_reader *reader, char byte)
{
	reader->n_held = 0;
	if (byte == '[' || byte == 'O') {
		reader->state = byte == '[' ? KEY_READER_CSI : KEY_READER_SS3;
		return 0;
	}
	if (byte == ESC)
		return 0; /* the next one may begin a sequence */
	reader->state = KEY_READER_PLAIN;
	for (size_t i = 0; i < sizeof(alts) / sizeof(alts[0]); i++)
		if (alts[i].byte == byte)
			return tell(reader, alts[i].key);
	return take_plain(reader, byte); /* the escape key alone */
}

static int end_sequence(struct key_reader *reader)
{
	size_t length = reader->n_held;

	reader->n_held = 0;
	reader->state = KEY_READER_PLAIN;
	if (length == 4 && memcmp(reader->held, "200~", 4) == 0) {
		buf_truncate(&reader->paste, 0);
		reader->state = KEY_READER_PASTE;
		return 0;
	}
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
		if (strlen(sequences[i].sequence) == length &&
		    memcmp(sequences[i].sequence, reader->held, length) == 0)
			return tell(reader, sequences[i].key);
	return 0;
}

static int take_sequence(struct key_reader *reader, char byte)
{
	if (byte < ' ' ||
	    byte == DEL) { /* no sequence goes on so; bytes beyond ASCII are negative */
		reader->n_held = 0;
		reader->state = KEY_READER_PLAIN;
		return take_plain(reader, byte);
	}
	if (reader->n_held < sizeof(reader->held))
		reader->held[reader->n_held++] = byte; /* a longer one is none that is known */
	if (byte == '[' && reader->n_held == 1 && reader->state == KEY_READER_CSI)
		return 0; /* a function key of the console: one more byte */
	if (reader->state == KEY_READER_SS3 || (byte >= '@' && byte <= '~'))
		return end_sequence(reader);
	return 0;
}

static int end_paste(struct key_reader *reader)
{
	int r = reader->on_key(KEY_PASTE, buf_string(&reader->paste), reader->paste.length,
			       reader->data);

	reader->state = KEY_READER_PLAIN;
	reader->n_held = 0;
	buf_free(&reader->paste);
	return r;
}

/* Everything up to the end mark, whose front may turn out to be text. */
static int take_pasted(struct key_reader *reader, char byte)
{
	size_t mark = strlen(paste_end);
	int r = 0;

	if (byte == paste_end[reader->n_held]) {
		reader->held[reader->n_held++] = byte;
		return reader->n_held == mark ? end_paste(reader) : 0;
	}
	if (reader->n_held > 0)
		r = buf_add(&reader->paste, reader->held, reader->n_held);
	reader->n_held = 0;
	if (byte == ESC)
		reader->held[reader->n_held++] = byte;
	else if (r == 0)
		r = buf_add_char(&reader->paste, byte);
	return r == -EMSGSIZE ? 0 : r; /* the rest of a longer paste is passed over */
}

int key_reader_feed(struct key_reader *reader, const char *bytes, size_t length)
{
	int r = 0;

	for (size_t i = 0; i < length && r >= 0; i++) {
		switch (reader->state) {
		case KEY_READER_PLAIN:
			r = take_plain(reader, bytes[i]);
			break;
		case KEY_READER_ESCAPE:
			r = take_escape(reader, bytes[i]);
			break;
		case KEY_READER_CSI:
		case KEY_READER_SS3:
			r = take_sequence(reader, bytes[i]);
			break;
		case KEY_READER_PASTE:
			r = take_pasted(reader, bytes[i]);
			break;
		}
	}
	return r < 0 ? r : 0;
}
