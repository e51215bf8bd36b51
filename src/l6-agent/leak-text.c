/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/leak-text.h"

#include "base/number.h"
#include "l6-agent/leak-find.h"

#include <string.h>

enum {
	BACKSLASHES_MAX = 8, /* of one escape; more are no encoding */
	CODE_DIGITS = 4,
	CONTEXT_UNITS = 32, /* in front of what is looked at: a lead and a character before it */
	EAGER_BYTES = 256,
	ANEW_PART = 8, /* what is kept back is looked at again when an eighth has come */
};

void leak_tally_add(struct leak_tally *tally, const struct leak_tally *more)
{
	tally->total += more->total;
	for (size_t i = 0; i < leak_kind_count; i++)
		tally->counts[i] += more->counts[i];
}

/* \u and its digits: the character; one that is no ASCII is none of a secret's. */
static size_t read_code(const char *digits, size_t left, char *ret)
{
	unsigned value = 0;
	size_t n = 0;

	for (; n < CODE_DIGITS && n < left && number_hex_digit(digits[n]) >= 0; n++)
		value = value << 4 | (unsigned)number_hex_digit(digits[n]);
	*ret = value < 0x7F ? (char)value : 1;
	return n;
}

/* The character at at and the bytes it is written in; 0: more bytes may belong to it. */
static size_t read_escape(const char *at, size_t left, bool is_whole, char *ret)
{
	size_t n = 1, digits;

	while (n < left && n < BACKSLASHES_MAX && at[n] == '\\')
		n++;
	*ret = '\\';
	if (n == left)
		return is_whole ? n : 0;
	switch (at[n]) {
	case '/':
	case '"':
		*ret = at[n];
		return n + 1;
	case 'n':
	case 'r':
	case 't':
	case 'b':
	case 'f':
		*ret = '\n';
		return n + 1;
	case 'u':
		digits = read_code(at + n + 1, left - n - 1, ret);
		if (digits == CODE_DIGITS)
			return n + 1 + digits;
		*ret = '\\';
		return n + 1 + digits == left && !is_whole ? 0 : n;
	default:
		return n;
	}
}

/* A text as it was written and as it reads. */
struct reading {
	const char *raw, *text;
	size_t raw_length, length; /* raw_length: of what was read */
	char *own;                 /* text, when it had escapes */
	size_t raw_at, at;         /* the same place in both; only goes on */
};

static void reading_free(struct reading *reading)
{
	if (reading->own)
		explicit_bzero(reading->own, reading->length);
	free(reading->own);
}

static int read_text(const char *raw, size_t length, bool is_whole, struct reading *ret)
{
	const char *from = raw, *end = raw + length;
	char *to;

	*ret = (struct reading){ .raw = raw, .text = raw, .raw_length = length, .length = length };
	if (!memchr(raw, '\\', length))
		return 0;
	to = ret->own = malloc(length);
	if (!to)
		return -ENOMEM;
	while (from < end) {
		const char *escape = memchr(from, '\\', (size_t)(end - from));
		size_t plain = escape ? (size_t)(escape - from) : (size_t)(end - from), n;

		memcpy(to, from, plain);
		to += plain;
		from += plain;
		if (from == end)
			break;
		n = read_escape(from, (size_t)(end - from), is_whole, to);
		if (n == 0)
			break;
		from += n;
		to++;
	}
	ret->text = ret->own;
	ret->length = (size_t)(to - ret->own);
	ret->raw_length = (size_t)(from - raw);
	return 0;
}

/* Goes on to a place of the text, or to one of what was written, whichever comes first. */
static void go_to(struct reading *reading, size_t at, size_t raw_at)
{
	char c;

	if (!reading->own) {
		at = at < raw_at ? at : raw_at;
		if (at > reading->at)
			reading->at = reading->raw_at = at;
		return;
	}
	while (reading->at < at && reading->raw_at < raw_at) {
		const char *here = reading->raw + reading->raw_at;

		reading->raw_at +=
			*here == '\\'
				? read_escape(here, reading->raw_length - reading->raw_at, true, &c)
				: 1;
		reading->at++;
	}
}

static int add_mark(struct buf *out, const struct leak_shape *shape)
{
	return buf_printf(out, "[secret:%s]", leak_kinds[shape->kind]);
}

static void count(struct leak_tally *tally, const struct leak_shape *shape)
{
	tally->total++;
	tally->counts[shape->kind]++;
}

/* Passes on what stands behind raw byte from; *ret is where it stopped, in both. */
static int pass(struct reading *reading, bool is_whole, size_t from, struct leak_tally *tally,
		struct buf *out, size_t *ret_raw, size_t *ret_at)
{
	struct leak_finder finder;
	struct leak_match match;
	enum leak_state state;
	size_t raw = from;
	int r;

	leak_finder_init(&finder, reading->text, reading->length, is_whole);
	go_to(reading, reading->length, from);
	match.end = reading->at;
	while ((state = leak_find(&finder, match.end, &match)) == LEAK_FOUND) {
		go_to(reading, match.start, reading->raw_length);
		r = buf_add(out, reading->raw + raw, reading->raw_at - raw);
		if (r >= 0)
			r = add_mark(out, match.shape);
		if (r < 0)
			return r;
		go_to(reading, match.end, reading->raw_length);
		raw = reading->raw_at;
		count(tally, match.shape);
	}
	go_to(reading, state == LEAK_MORE ? match.start : reading->length, reading->raw_length);
	*ret_raw = reading->raw_at;
	*ret_at = reading->at;
	return buf_add(out, reading->raw + raw, reading->raw_at - raw);
}

int leak_replace(const char *text, size_t length, struct leak_tally *tally, struct buf *out)
{
	struct leak_tally found = { 0 };
	struct leak_finder finder;
	struct leak_match match;
	struct reading reading;
	size_t raw, at;
	int r = length > 0 ? read_text(text, length, true, &reading) : 1;

	if (r != 0)
		return r < 0 ? r : 0;
	leak_finder_init(&finder, reading.text, reading.length, true);
	if (leak_find(&finder, 0, &match) == LEAK_FOUND)
		r = pass(&reading, true, 0, &found, out, &raw, &at);
	reading_free(&reading);
	if (r < 0)
		return r;
	leak_tally_add(tally, &found);
	return (int)found.total;
}

int leak_clean(struct buf *text, struct leak_tally *tally)
{
	auto_buf struct buf clean = BUF(LEAK_GROWTH * text->length + 1);
	int r = leak_replace(buf_string(text), text->length, tally, &clean);

	if (r <= 0)
		return r;
	explicit_bzero(text->data, text->length);
	clean.max = clean.length > text->max ? clean.length : text->max;
	buf_free(text);
	*text = clean;
	clean = BUF(0);
	return r;
}

int leak_clean_string(char **text, struct leak_tally *tally)
{
	size_t length = *text ? strlen(*text) : 0;
	auto_buf struct buf clean = BUF(LEAK_GROWTH * length + 1);
	int r = length > 0 ? leak_replace(*text, length, tally, &clean) : 0;

	if (r <= 0)
		return r;
	explicit_bzero(*text, length);
	free(*text);
	*text = buf_take(&clean);
	return r;
}

/* Keeps the last characters in front of what is not passed on yet. */
static void drop(struct leak_stream *stream, struct reading *reading, size_t raw, size_t at)
{
	size_t context = at > CONTEXT_UNITS ? at - CONTEXT_UNITS : 0;

	reading->at = reading->raw_at = 0;
	go_to(reading, context, raw);
	stream->passed = raw - reading->raw_at;
	buf_consume(&stream->pending, reading->raw_at);
}

static int look(struct leak_stream *stream, bool is_whole, struct buf *out)
{
	struct reading reading;
	size_t raw = 0, at = 0, held;
	int r = stream->pending.length > 0 ? read_text(stream->pending.data, stream->pending.length,
						       is_whole, &reading)
					   : 1;

	if (r != 0)
		return r < 0 ? r : 0;
	r = pass(&reading, is_whole, stream->passed, &stream->tally, out, &raw, &at);
	if (r >= 0)
		drop(stream, &reading, raw, at);
	reading_free(&reading);
	held = stream->pending.length - stream->passed;
	stream->next_look = held < EAGER_BYTES ? 0 : stream->pending.length + held / ANEW_PART;
	return r;
}

int leak_stream_add(struct leak_stream *stream, const char *bytes, size_t length, struct buf *out)
{
	int r = buf_add(&stream->pending, bytes, length);

	if (r < 0 || stream->pending.length < stream->next_look)
		return r;
	return look(stream, false, out);
}

int leak_stream_end(struct leak_stream *stream, struct buf *out)
{
	int r = look(stream, true, out);

	leak_stream_free(stream);
	return r;
}

void leak_stream_free(struct leak_stream *stream)
{
	if (stream->pending.data)
		explicit_bzero(stream->pending.data, stream->pending.capacity);
	buf_free(&stream->pending);
	stream->passed = stream->next_look = 0;
}
