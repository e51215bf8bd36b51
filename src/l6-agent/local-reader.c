/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * local-reader - reads the one JSON object a local model replies with, while it is written.
 *
 *     {"tool": "NAME", "arguments": {…}}
 *
 * The text of an answer goes to the sink as it comes; the arguments of any other tool are kept as
 * they were written. White space may stand wherever JSON allows it; any other deviation is
 * malformed.
 */
#include "l6-agent/local-internal.h"

#include "base/cleanup.h"
#include "base/number.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_BYTES_MAX = 64,
	BODY_BYTES_MAX = 1024 * 1024,
	DEPTH_MAX = 32,
	HEX_DIGITS = 4,
	CODE_REPLACEMENT = 0xFFFD,
	CODE_HIGH_FIRST = 0xD800,
	CODE_LOW_FIRST = 0xDC00,
	CODE_LOW_LAST = 0xDFFF,
};

/* The fixed parts, between which name and arguments stand. A space means: optional white space. */
static const char head[] = " { \"tool\" : \"", middle[] = " , \"arguments\" : ";
static const char answer_head[] = "{ \"text\" : \"", answer_tail[] = " } }", call_tail[] = " }";

enum state {
	IN_HEAD,
	IN_NAME,
	IN_MIDDLE,
	IN_ANSWER_HEAD,
	IN_TEXT,
	IN_ARGUMENTS,
	IN_TAIL,
	AT_END,
};

struct answer_reader {
	struct answer_sink sink;
	enum state state;
	const char *expected; /* what is left of a fixed part */
	struct buf name, arguments, text;
	struct buf cut; /* a character whose bytes came apart */
	bool is_answer, in_string;
	unsigned escape;     /* 0 none, 1 after the backslash, 2 to 5 hexadecimal digits */
	unsigned code, high; /* being read; the first half of a pair */
	unsigned depth;      /* within arguments */
};

int local_reader_open(const struct conversation *conversation, unsigned flags, int status,
		      const char *content_type, const struct answer_sink *sink,
		      struct answer_reader **ret, struct error *err)
{
	struct answer_reader *reader = calloc(1, sizeof(*reader));

	(void)conversation;
	(void)flags;
	(void)status;
	(void)content_type;
	if (!reader)
		return FAIL(err, -ENOMEM, "out of memory");
	*reader = (struct answer_reader){
		.sink = *sink,
		.state = IN_HEAD,
		.expected = head,
		.name = BUF(NAME_BYTES_MAX),
		.arguments = BUF(BODY_BYTES_MAX),
		.text = BUF(BODY_BYTES_MAX),
		.cut = BUF(4),
	};
	*ret = reader;
	return 0;
}

void local_reader_close(struct answer_reader *reader)
{
	if (!reader)
		return;
	buf_free(&reader->name);
	buf_free(&reader->arguments);
	buf_free(&reader->text);
	buf_free(&reader->cut);
	free(reader);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* True when c fits the fixed part; *ret_done when that was its last byte. */
static bool expect(struct answer_reader *reader, char c, bool *ret_done)
{
	*ret_done = false;
	if (*reader->expected == ' ') {
		if (is_space(c))
			return true;
		reader->expected++;
	}
	if (*reader->expected != c)
		return false;
	*ret_done = *++reader->expected == '\0';
	return true;
}

static void enter(struct answer_reader *reader, enum state state, const char *expected)
{
	reader->state = state;
	reader->expected = expected;
}

static int add_code(struct answer_reader *reader, unsigned code)
{
	int r = 0;

	if (code >= CODE_HIGH_FIRST && code < CODE_LOW_FIRST) {
		if (reader->high)
			r = utf8_add_code(&reader->text, reader->high); /* a lone half */
		reader->high = code;
		return r;
	}
	if (reader->high && code >= CODE_LOW_FIRST && code <= CODE_LOW_LAST)
		code = 0x10000 + ((reader->high - CODE_HIGH_FIRST) << 10) + (code - CODE_LOW_FIRST);
	else if (reader->high)
		r = utf8_add_code(&reader->text, reader->high);
	reader->high = 0;
	/* a NUL would end the string for whoever reads it */
	return r < 0 ? r : utf8_add_code(&reader->text, code ? code : CODE_REPLACEMENT);
}

/* A byte of an escape sequence in the text of an answer. */
static int feed_escape(struct answer_reader *reader, char c)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int digit;

	if (reader->escape == 1) {
		if (c == 'u') {
			reader->escape = 2;
			reader->code = 0;
			return 0;
		}
		at = c ? strchr(from, c) : NULL;
		if (!at)
			return -EPROTO;
		reader->escape = 0;
		return add_code(reader, (unsigned char)to[at - from]);
	}
	digit = number_hex_digit(c);
	if (digit < 0)
		return -EPROTO;
	reader->code = reader->code * 16 + (unsigned)digit;
	if (++reader->escape < 2 + HEX_DIGITS)
		return 0;
	reader->escape = 0;
	return add_code(reader, reader->code);
}

/* A plain byte of the text; the bytes of one character may come apart. */
static int feed_text_byte(struct answer_reader *reader, char c)
{
	int r = 0;

	if (reader->high) {
		r = utf8_add_code(&reader->text, reader->high);
		reader->high = 0;
	}
	if (r >= 0)
		r = buf_add_char(&reader->cut, c);
	if (r < 0 || utf8_is_cut(reader->cut.data, reader->cut.length))
		return r;
	r = utf8_add_repaired(&reader->text, reader->cut.data, reader->cut.length);
	buf_truncate(&reader->cut, 0);
	return r;
}

static int feed_text(struct answer_reader *reader, char c)
{
	int r = 0;

	if (reader->escape)
		return feed_escape(reader, c);
	if (c == '\\' || c == '"') {
		r = utf8_add_repaired(&reader->text, buf_string(&reader->cut), reader->cut.length);
		buf_truncate(&reader->cut, 0);
	}
	if (c == '\\') {
		reader->escape = 1;
		return r;
	}
	if (c == '"') {
		if (r >= 0 && reader->high)
			r = utf8_add_code(&reader->text, reader->high);
		reader->high = 0;
		enter(reader, IN_TAIL, answer_tail);
		return r;
	}
	return (unsigned char)c < 0x20 ? -EPROTO : feed_text_byte(reader, c);
}

/* Arguments are kept as written; only where they end is looked for. */
static int feed_arguments(struct answer_reader *reader, char c)
{
	int r;

	if (reader->depth == 0 && is_space(c))
		return 0;
	if ((reader->depth == 0 && c != '{') ||
	    ((unsigned char)c < 0x20 && (reader->in_string || !is_space(c))))
		return -EPROTO;
	r = buf_add_char(&reader->arguments, c);
	if (r < 0)
		return r;
	if (reader->in_string) {
		if (reader->escape)
			reader->escape = 0;
		else if (c == '\\')
			reader->escape = 1;
		else if (c == '"')
			reader->in_string = false;
		return 0;
	}
	if (c == '"')
		reader->in_string = true;
	else if ((c == '{' || c == '[') && ++reader->depth > DEPTH_MAX)
		return -EPROTO;
	else if ((c == '}' || c == ']') && --reader->depth == 0)
		enter(reader, IN_TAIL, call_tail);
	return 0;
}

static int feed_name(struct answer_reader *reader, char c)
{
	if (c != '"')
		return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'
			       ? buf_add_char(&reader->name, c)
			       : -EPROTO;
	if (reader->name.length == 0)
		return -EPROTO;
	reader->is_answer = strcmp(buf_string(&reader->name), "answer") == 0;
	enter(reader, IN_MIDDLE, middle);
	return 0;
}

/* The last byte of a fixed part leads to what follows it. */
static int feed_fixed(struct answer_reader *reader, char c)
{
	bool done;

	/* the last fixed byte of the middle is optional white space */
	if (reader->state == IN_MIDDLE && strcmp(reader->expected, " ") == 0 && !is_space(c)) {
		if (reader->is_answer) {
			enter(reader, IN_ANSWER_HEAD, answer_head);
		} else {
			reader->state = IN_ARGUMENTS;
			return feed_arguments(reader, c);
		}
	}
	if (!expect(reader, c, &done))
		return -EPROTO;
	if (!done)
		return 0;
	if (reader->state == IN_HEAD)
		reader->state = IN_NAME;
	else if (reader->state == IN_ANSWER_HEAD)
		reader->state = IN_TEXT;
	else if (reader->state == IN_TAIL)
		reader->state = AT_END;
	return 0;
}

static int feed_byte(struct answer_reader *reader, char c)
{
	switch (reader->state) {
	case IN_HEAD:
	case IN_MIDDLE:
	case IN_ANSWER_HEAD:
	case IN_TAIL:
		return feed_fixed(reader, c);
	case IN_NAME:
		return feed_name(reader, c);
	case IN_TEXT:
		return feed_text(reader, c);
	case IN_ARGUMENTS:
		return feed_arguments(reader, c);
	case AT_END:
		return is_space(c) ? 0 : -EPROTO;
	}
	return -EPROTO;
}

int local_reader_feed(struct answer_reader *reader, const char *bytes, size_t length,
		      struct error *err)
{
	size_t seen = reader->text.length;
	int r = 0;

	for (size_t i = 0; i < length && r >= 0; i++)
		r = feed_byte(reader, bytes[i]);
	if (reader->text.length > seen)
		reader->sink.on_text(reader->text.data + seen, reader->text.length - seen,
				     reader->sink.data);
	if (r == -EPROTO)
		return FAIL(err, r, "the local model's reply is malformed");
	return r < 0 ? FAIL(err, r, "the local model's reply is too long") : 0;
}

static int take_call(struct answer_reader *reader, struct answer *ret, struct error *err)
{
	struct tool_call *call = calloc(1, sizeof(*call));

	if (call) {
		*call = (struct tool_call){ .id = strdup("call_1"),
					    .name = buf_take(&reader->name),
					    .arguments = buf_take(&reader->arguments) };
		*ret = (struct answer){ .calls = call, .n_calls = 1, .stop = ANSWER_STOP_CALLS };
	}
	if (call && call->id && call->name && call->arguments)
		return 0;
	answer_free(ret);
	return FAIL(err, -ENOMEM, "out of memory");
}

int local_reader_finish(struct answer_reader *reader, struct answer *ret, struct error *err)
{
	bool is_text = reader->state == IN_TEXT || (reader->is_answer && reader->state >= IN_TAIL);
	char *text;

	if (reader->state == AT_END && !reader->is_answer)
		return take_call(reader, ret, err);
	if (!is_text)
		return FAIL(err, -EPROTO, "the local model's reply ends in the middle of a call");
	text = strdup(buf_string(&reader->text));
	if (!text)
		return FAIL(err, -ENOMEM, "out of memory");
	*ret = (struct answer){ .text = text,
				.stop = reader->state == IN_TEXT ? ANSWER_STOP_LENGTH
								 : ANSWER_STOP_END };
	return 0;
}
