/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-redact.h"

#include "base/number.h"

#include <stdint.h>
#include <string.h>

enum {
	BACKSLASHES_MAX = 16, /* of one escaped character; more are no encoding */
	DIGITS_MAX = 4,
	NAME_BYTES_MAX = 24,
	ACROSS_MIN = 4, /* characters of a form that are kept back over the end of a string */
};

/* One character as it was read, and the bytes it was read from. */
struct unit {
	uint32_t at, length; /* an answer has less than 4 GiB */
};

enum escape { ESCAPE_NONE, ESCAPE_BACKSLASHES, ESCAPE_DIGITS };

/* Characters that belong together, in the order they came. */
struct stream {
	size_t seen[EGRESS_FORMS];
	struct unit *units; /* the last characters: a ring of units_max */
	size_t n_units;     /* of them all */
	enum escape escape;
	size_t escape_at;
	unsigned char introducer, digits[DIGITS_MAX];
	unsigned n_digits, digits_wanted;
	bool active; /* else a character that begins no form changes nothing */
};

/* The members whose strings claw-agentd joins to one text each (openai-answer.c). */
static const char *const members[] = { "content",   "text",     "reasoning_content",
				       "reasoning", "thinking", "arguments" };
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

enum lexis { LEXIS_OUTSIDE, LEXIS_STRING, LEXIS_ESCAPED };

struct egress_redact {
	const struct egress_key *key;
	struct buf pending;
	size_t base, end; /* where pending begins and ends in the answer */
	/* the bytes as they are, the bytes with escapes read, and each member's strings */
	struct stream literal, whole, parts[MEMBERS];
	size_t units_max;
	bool wakes[UINT8_MAX + 1]; /* characters that may begin a form, escaped or not */
	/* where in JSON it is */
	bool is_answer, after_colon;
	enum lexis lexis;
	char name[NAME_BYTES_MAX]; /* of the last string: perhaps a member's name */
	size_t name_length;
	struct stream *part; /* whose string this is; NULL: of none that counts */
};

int egress_redact_new(const struct egress_key *key, bool is_answer, struct egress_redact **ret)
{
	CLEANUP(egress_redact_free_ptr) struct egress_redact *redact = calloc(1, sizeof(*redact));
	size_t n = is_answer ? 2 + MEMBERS : 2;
	struct unit *units;

	if (!redact)
		return -ENOMEM;
	redact->key = key;
	redact->is_answer = is_answer;
	redact->pending = BUF(EGRESS_REDACT_HELD_BYTES_MAX + EGRESS_REDACT_PIECE_BYTES_MAX);
	redact->units_max = egress_key_length(key, EGRESS_FORM_HEX); /* the longest form */
	units = calloc(n * redact->units_max, sizeof(*units));
	if (!units)
		return -ENOMEM;
	for (unsigned c = 0; c <= UINT8_MAX; c++)
		redact->wakes[c] =
			c == '\\' || c == '%' || egress_key_may_begin(key, (unsigned char)c);
	redact->literal.units = units;
	redact->whole.units = units + redact->units_max;
	for (size_t i = 0; is_answer && i < MEMBERS; i++)
		redact->parts[i].units = units + (i + 2) * redact->units_max;
	*ret = TAKE_PTR(redact);
	return 0;
}

void egress_redact_free(struct egress_redact *redact)
{
	if (!redact)
		return;
	if (redact->pending.data)
		explicit_bzero(redact->pending.data, redact->pending.capacity);
	buf_free(&redact->pending);
	free(redact->literal.units);
	free(redact);
}

/* What was passed on already stays as it was. */
static void star(struct egress_redact *redact, size_t at, size_t length)
{
	size_t from = at > redact->base ? at : redact->base;

	if (at + length > from)
		memset(redact->pending.data + (from - redact->base), '*', at + length - from);
}

static const struct unit *unit_at(const struct egress_redact *redact, const struct stream *stream,
				  size_t number)
{
	return &stream->units[number % redact->units_max];
}

static void star_units(struct egress_redact *redact, const struct stream *stream, size_t n)
{
	for (size_t i = stream->n_units - n; i < stream->n_units; i++)
		star(redact, unit_at(redact, stream, i)->at, unit_at(redact, stream, i)->length);
}

static void emit(struct egress_redact *redact, struct stream *stream, unsigned char c, size_t at,
		 size_t length)
{
	stream->units[stream->n_units++ % redact->units_max] =
		(struct unit){ (uint32_t)at, (uint32_t)length };
	for (int i = 0; i < EGRESS_FORMS; i++) {
		enum egress_form form = (enum egress_form)i;
		size_t n = egress_key_length(redact->key, form);

		stream->seen[i] = egress_key_step(redact->key, form, stream->seen[i], c);
		if (stream->seen[i] < n)
			continue;
		star_units(redact, stream, n);
		stream->seen[i] = 0;
	}
}

/* Was no escape: its characters count as they are. at is behind the last one. */
static void undo_escape(struct egress_redact *redact, struct stream *stream, size_t at)
{
	unsigned n = stream->n_digits;

	if (stream->escape == ESCAPE_DIGITS) {
		emit(redact, stream, stream->introducer, stream->escape_at,
		     at - n - stream->escape_at);
		for (unsigned i = 0; i < n; i++)
			emit(redact, stream, stream->digits[i], at - n + i, 1);
	}
	stream->escape = ESCAPE_NONE;
}

static void expect_digits(struct stream *stream, unsigned char introducer)
{
	stream->escape = ESCAPE_DIGITS;
	stream->introducer = introducer;
	stream->n_digits = 0;
	stream->digits_wanted = introducer == 'u' ? DIGITS_MAX : 2;
}

static void end_escape(struct egress_redact *redact, struct stream *stream, size_t at)
{
	unsigned value = 0;

	for (unsigned i = 0; i < stream->n_digits; i++)
		value = value << 4 | (unsigned)number_hex_digit((char)stream->digits[i]);
	stream->escape = ESCAPE_NONE;
	emit(redact, stream, value < 0x7F ? (unsigned char)value : 0, stream->escape_at,
	     at - stream->escape_at);
}

static void begin(struct egress_redact *redact, struct stream *stream, unsigned char c, size_t at)
{
	stream->escape_at = at;
	if (c == '\\')
		stream->escape = ESCAPE_BACKSLASHES;
	else if (c == '%')
		expect_digits(stream, c);
	else
		emit(redact, stream, c, at, 1);
}

static void after_backslash(struct egress_redact *redact, struct stream *stream, unsigned char c,
			    size_t at)
{
	if (c == '\\') {
		if (at - stream->escape_at >= BACKSLASHES_MAX)
			stream->escape_at = at;
	} else if (c == 'u' || c == 'x') {
		expect_digits(stream, c);
	} else {
		stream->escape = ESCAPE_NONE;
		emit(redact, stream, c, stream->escape_at, at + 1 - stream->escape_at);
	}
}

static void set_active(struct stream *stream)
{
	stream->active = stream->escape != ESCAPE_NONE;
	for (size_t i = 0; i < EGRESS_FORMS; i++)
		stream->active |= stream->seen[i] > 0;
}

static void take_literal(struct egress_redact *redact, unsigned char c, size_t at)
{
	if (!redact->literal.active && !redact->wakes[c])
		return;
	emit(redact, &redact->literal, c, at, 1);
	set_active(&redact->literal);
}

/* One more byte of a stream; it becomes a character now, later with others, or with those before.
 */
static void take(struct egress_redact *redact, struct stream *stream, unsigned char c, size_t at)
{
	if (!stream->active && !redact->wakes[c])
		return;
	if (stream->escape == ESCAPE_DIGITS && number_hex_digit((char)c) >= 0) {
		stream->digits[stream->n_digits++] = c;
		if (stream->n_digits == stream->digits_wanted)
			end_escape(redact, stream, at + 1);
	} else if (stream->escape == ESCAPE_BACKSLASHES) {
		after_backslash(redact, stream, c, at);
	} else {
		undo_escape(redact, stream, at);
		begin(redact, stream, c, at);
	}
	set_active(stream);
}

static struct stream *find_part(struct egress_redact *redact)
{
	for (size_t i = 0; i < MEMBERS; i++)
		if (redact->name_length == strlen(members[i]) &&
		    memcmp(redact->name, members[i], redact->name_length) == 0)
			return &redact->parts[i];
	return NULL;
}

static void outside(struct egress_redact *redact, unsigned char c)
{
	if (c == '"') {
		redact->part = redact->after_colon ? find_part(redact) : NULL;
		redact->name_length = 0;
		redact->lexis = LEXIS_STRING;
	}
	if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
		redact->after_colon = c == ':';
}

static void end_string(struct egress_redact *redact, size_t at)
{
	if (redact->part)
		undo_escape(redact, redact->part, at);
	redact->part = NULL;
	redact->lexis = LEXIS_OUTSIDE;
}

/* Follows JSON as far as strings, their escapes and the names in front of them go. No string
 * holds the end of a line, so what is no JSON does not put it out of step for long. */
static void follow(struct egress_redact *redact, unsigned char c, size_t at)
{
	if (redact->lexis == LEXIS_OUTSIDE) {
		outside(redact, c);
		return;
	}
	if (c == '\n' || c == '\r' || (c == '"' && redact->lexis == LEXIS_STRING)) {
		end_string(redact, at);
		return;
	}
	redact->lexis = c == '\\' && redact->lexis == LEXIS_STRING ? LEXIS_ESCAPED : LEXIS_STRING;
	if (redact->name_length < NAME_BYTES_MAX)
		redact->name[redact->name_length++] = (char)c;
	if (redact->part)
		take(redact, redact->part, c, at);
}

/* From where this stream may hold the beginning of a key; from when that is not before it. */
static size_t held_from(const struct egress_redact *redact, const struct stream *stream,
			size_t from)
{
	bool is_part = stream != &redact->literal && stream != &redact->whole;
	size_t least = is_part && stream != redact->part ? ACROSS_MIN : 1;

	if (stream->escape != ESCAPE_NONE && stream->escape_at < from)
		from = stream->escape_at;
	for (size_t form = 0; form < EGRESS_FORMS; form++) {
		size_t i = stream->n_units - stream->seen[form];

		if (stream->seen[form] < least)
			continue;
		while (i < stream->n_units && unit_at(redact, stream, i)->at < redact->base)
			i++; /* was passed on when it was too little to say */
		if (i < stream->n_units && unit_at(redact, stream, i)->at < from)
			from = unit_at(redact, stream, i)->at;
	}
	return from;
}

/* Ends what streams have begun; forms of which more than share (of 100) is there become stars. */
static void settle(struct egress_redact *redact, struct stream *stream, size_t share, size_t least)
{
	for (int i = 0; i < EGRESS_FORMS; i++) {
		size_t n = egress_key_length(redact->key, (enum egress_form)i);

		if (stream->seen[i] >= least && stream->seen[i] * 100 > n * share)
			star_units(redact, stream, stream->seen[i]);
		stream->seen[i] = 0;
	}
	stream->escape = ESCAPE_NONE;
	stream->active = false;
}

static void settle_all(struct egress_redact *redact, size_t share, size_t least)
{
	settle(redact, &redact->literal, share, least);
	settle(redact, &redact->whole, share, least);
	for (size_t i = 0; redact->is_answer && i < MEMBERS; i++)
		settle(redact, &redact->parts[i], share, least);
}

static int pass_until(struct egress_redact *redact, size_t from, struct buf *out)
{
	size_t n = from - redact->base;
	int r = buf_add(out, buf_string(&redact->pending), n);

	if (r < 0)
		return r;
	buf_consume(&redact->pending, n);
	redact->base = from;
	return 0;
}

int egress_redact_add(struct egress_redact *redact, const char *bytes, size_t length,
		      struct buf *out)
{
	size_t from;
	int r = buf_add(&redact->pending, bytes, length);

	if (r < 0)
		return r;
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];
		size_t at = redact->end++;

		take_literal(redact, c, at);
		take(redact, &redact->whole, c, at);
		if (redact->is_answer)
			follow(redact, c, at);
	}
	from = held_from(redact, &redact->literal, redact->end);
	from = held_from(redact, &redact->whole, from);
	for (size_t i = 0; redact->is_answer && i < MEMBERS; i++)
		from = held_from(redact, &redact->parts[i], from);
	if (redact->end - from > EGRESS_REDACT_HELD_BYTES_MAX) {
		settle_all(redact, 0, ACROSS_MIN);
		from = redact->end;
	}
	return pass_until(redact, from, out);
}

int egress_redact_end(struct egress_redact *redact, struct buf *out)
{
	enum { HALF = 50 };

	settle_all(redact, HALF, 1);
	return pass_until(redact, redact->end, out);
}
