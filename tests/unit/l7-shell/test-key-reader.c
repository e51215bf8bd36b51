/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/key-reader.h"

#include "harness/tap.h"

#include <stdio.h>

static struct buf seen;

static int on_key(enum key key, const char *text, size_t length, void *data)
{
	(void)data;
	if (key == KEY_TEXT)
		return buf_add(&seen, text, length);
	if (key == KEY_PASTE)
		return buf_printf(&seen, "<%.*s>", (int)length, text);
	return buf_printf(&seen, "[%d]", (int)key);
}

/* What comes of the bytes, read whole and byte by byte: it is the same. */
static const char *keys(const char *bytes)
{
	static char whole[4096];
	struct key_reader reader;

	for (int pieces = 0; pieces < 2; pieces++) {
		seen = BUF(sizeof(whole) - 1);
		key_reader_init(&reader, on_key, NULL);
		for (size_t i = 0; pieces && i < strlen(bytes); i++)
			EXPECT_INT(key_reader_feed(&reader, bytes + i, 1), ==, 0);
		if (!pieces)
			EXPECT_INT(key_reader_feed(&reader, bytes, strlen(bytes)), ==, 0);
		key_reader_free(&reader);
		if (pieces)
			EXPECT_STR(buf_string(&seen), whole);
		memcpy(whole, buf_string(&seen), seen.length + 1);
		buf_free(&seen);
	}
	return whole;
}

static const char *one(enum key key)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "[%d]", (int)key);
	return text;
}

TEST(letters_of_any_script_are_text)
{
	EXPECT_STR(keys("aß漢"), "aß漢");
}

TEST(sequences_are_keys_whatever_their_form)
{
	static const struct {
		const char *bytes;
		enum key key;
	} rows[] = {
		{ "\033[A", KEY_UP },
		{ "\033OA", KEY_UP },
		{ "\033[1;5D", KEY_WORD_LEFT },
		{ "\033b", KEY_WORD_LEFT },
		{ "\033[3~", KEY_DELETE },
		{ "\033\r", KEY_NEWLINE },
		{ "\033OQ", KEY_MODE },
		{ "\033[12~", KEY_MODE },
		{ "\033[[B", KEY_MODE },
		{ "\033[13;2u", KEY_NEWLINE },
		{ "\x7f", KEY_BACKSPACE },
		{ "\n", KEY_ENTER },
		{ "\r", KEY_ENTER },
		{ "\x12", KEY_SEARCH },
		{ "\033\033[H", KEY_HOME },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		EXPECT_STR(keys(rows[i].bytes), one(rows[i].key));
}

TEST(what_is_not_known_does_nothing)
{
	static const char *const rows[] = {
		"\033[99;99;99~", "\033[?1;2c",
		"\033[I",         "\033Oz",
		"\x1c",           "\xff\xfe",
		"\xc0\x9b",       "\xc2\x9b",
		"\xed\xa0\x80",   "\033[1111111111111111111111111111111111111m"
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		EXPECT_STR(keys(rows[i]), "");
	EXPECT_STR(keys("\033x"), "x");
	EXPECT_STR(keys("\xe6\x7f"), one(KEY_BACKSPACE));
}

TEST(a_paste_is_one_key_whatever_is_in_it)
{
	EXPECT_STR(keys("\033[200~a\nb\033[A\x03\033[201~c"), "<a\nb\033[A\x03>c");
	EXPECT_STR(keys("\033[200~\033[20\033[201~"), "<\033[20>");
	EXPECT_STR(keys("\033[200~\033\033[201~"), "<\033>");
}
