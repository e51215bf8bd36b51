/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/inline-text.h"

#include "base/utf8.h"
#include "l7-shell/screen.h"

#include <ctype.h>
#include <string.h>

enum { INLINE_DEPTH_MAX = 6, EMPHASIS_RUN_MAX = 3 };

/* A piece of a line that is being read: bytes, whether its end is the line's end, what is around
 * it. */
struct span {
	const char *at;
	size_t length;
	bool last; /* nothing will follow */
	char before;
	unsigned style, depth;
	struct wrap *wrap;
};

void inline_init(struct inline_text *text)
{
	*text = (struct inline_text){ .held = BUF(WRAP_WORD_BYTES_MAX), .before = ' ' };
}

void inline_fini(struct inline_text *text)
{
	buf_free(&text->held);
}

static int emit(const struct span *span, unsigned style, const char *text, size_t length)
{
	return wrap_text(span->wrap, span->style | style, text, length);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Letters, digits and every byte of a character beyond ASCII. */
static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static size_t run_of(const struct span *span, size_t at, char c)
{
	size_t n = 0;

	while (at + n < span->length && span->at[at + n] == c)
		n++;
	return n;
}

static bool gives_up(const struct span *span)
{
	return span->last || span->length >= INLINE_HELD_MAX;
}

static int read_span(const struct span *span, size_t *ret_taken);

/* The inside of a closed mark: a span of its own. */
static int inside(const struct span *span, unsigned style, size_t from, size_t to)
{
	const struct span inner = {
		.at = span->at + from,
		.length = to - from,
		.last = true,
		.before = ' ',
		.style = span->style | style,
		.depth = span->depth + 1,
		.wrap = span->wrap,
	};
	size_t taken;

	if (inner.depth > INLINE_DEPTH_MAX)
		return emit(&inner, STYLE_PLAIN, inner.at, inner.length);
	return read_span(&inner, &taken);
}

/* Each reader of a mark: bytes it took (0: more are needed), or -errno; the mark stands at the
 * front. */
static int literal(const struct span *span, size_t length)
{
	int r = emit(span, STYLE_PLAIN, span->at, length);

	return r < 0 ? r : (int)length;
}

static int read_escape(const struct span *span)
{
	int r;

	if (span->length < 2)
		return span->last ? literal(span, 1) : 0;
	if (!ispunct((unsigned char)span->at[1]))
		return literal(span, 1);
	r = emit(span, STYLE_PLAIN, span->at + 1, 1);
	return r < 0 ? r : 2;
}

/* Where the run of exactly n c begins, from `from` on; 0: nowhere. */
static size_t find_run(const struct span *span, size_t from, char c, size_t n)
{
	size_t limit = span->length < INLINE_HELD_MAX ? span->length : INLINE_HELD_MAX;

	for (size_t i = from; i < limit;) {
		size_t run = run_of(span, i, c);

		if (run == n && (i + run < span->length || span->last))
			return i;
		i += run > 0 ? run : 1;
	}
	return 0;
}

static int read_code(const struct span *span)
{
	size_t n = run_of(span, 0, '`'), end = find_run(span, n, '`', n), from = n, to = end;
	int r;

	if (end == 0)
		return gives_up(span) ? literal(span, n) : 0;
	if (to - from > 2 && is_space(span->at[from]) && is_space(span->at[to - 1])) {
		from++;
		to--;
	}
	r = emit(span, STYLE_CODE, span->at + from, to - from);
	return r < 0 ? r : (int)(end + n);
}

/* Where the emphasis that opens at the front with n c is closed; 0: nowhere. Code and escapes are
 * passed. */
static size_t find_close(const struct span *span, char c, size_t n)
{
	size_t limit = span->length < INLINE_HELD_MAX ? span->length : INLINE_HELD_MAX;

	for (size_t i = n; i < limit;) {
		size_t run = run_of(span, i, c), code = run_of(span, i, '`');

		if (span->at[i] == '\\') {
			i += 2;
		} else if (code > 0) {
			size_t end = find_run(span, i + code, '`', code);

			i = end > 0 ? end + code : i + code;
		} else if (run == n && !is_space(span->at[i - 1]) &&
			   (i + run < span->length ? c != '_' || !is_word(span->at[i + run])
						   : span->last)) {
			return i;
		} else {
			i += run > 0 ? run : 1;
		}
	}
	return 0;
}

static int read_emphasis(const struct span *span)
{
	static const unsigned styles[] = { STYLE_PLAIN, STYLE_ITALIC, STYLE_BOLD,
					   STYLE_BOLD | STYLE_ITALIC };
	char c = span->at[0];
	size_t n = run_of(span, 0, c), close;
	int r;

	if (n == span->length && !gives_up(span))
		return 0;
	if (n > EMPHASIS_RUN_MAX || n == span->length || is_space(span->at[n]) ||
	    (c == '_' && is_word(span->before)) || (c == '~' && n != 2))
		return literal(span, n);
	close = find_close(span, c, n);
	if (close == 0)
		return gives_up(span) ? literal(span, n) : 0;
	r = inside(span, c == '~' ? STYLE_STRIKE : styles[n], n, close);
	return r < 0 ? r : (int)(close + n);
}

/* The bracket that closes the one at `at`; 0: not there. */
static size_t find_bracket(const struct span *span, size_t at, char open, char close)
{
	size_t limit = span->length < INLINE_HELD_MAX ? span->length : INLINE_HELD_MAX;
	unsigned depth = 0;

	for (size_t i = at; i < limit; i++) {
		if (span->at[i] == '\\')
			i++;
		else if (span->at[i] == open)
			depth++;
		else if (span->at[i] == close && --depth == 0)
			return i;
	}
	return 0;
}

/* "[text](address)", with "!" in front for a picture. */
static int read_link(const struct span *span)
{
	size_t open = span->at[0] == '!', close, end, to;
	int r;

	if (open >= span->length)
		return span->last ? literal(span, 1) : 0;
	if (span->at[open] != '[')
		return literal(span, 1);
	close = find_bracket(span, open, '[', ']');
	if (close == 0 || close + 1 >= span->length)
		return gives_up(span) ? literal(span, open + 1) : 0;
	if (span->at[close + 1] != '(')
		return literal(span, open + 1);
	end = find_bracket(span, close + 1, '(', ')');
	if (end == 0)
		return gives_up(span) ? literal(span, open + 1) : 0;
	r = inside(span, STYLE_UNDERLINE, open + 1, close);
	to = end;
	if (r < 0 || (to - close - 2 == close - open - 1 &&
		      memcmp(span->at + open + 1, span->at + close + 2, to - close - 2) == 0))
		return r < 0 ? r : (int)(end + 1);
	r = emit(span, STYLE_DIM, " (", 2);
	if (r == 0)
		r = emit(span, STYLE_DIM, span->at + close + 2, to - close - 2);
	if (r == 0)
		r = emit(span, STYLE_DIM, ")", 1);
	return r < 0 ? r : (int)(end + 1);
}

/* The next byte that may begin a mark. */
static size_t ordinary(const struct span *span, size_t from)
{
	static const char marks[] = { '\\', '`', '*', '_', '~', '[', '!' };
	size_t n = from;

	while (n < span->length && !memchr(marks, span->at[n], sizeof(marks)))
		n++;
	return n;
}

static int read_mark(const struct span *rest)
{
	switch (rest->at[0]) {
	case '\\':
		return read_escape(rest);
	case '`':
		return read_code(rest);
	case '*':
	case '_':
	case '~':
		return read_emphasis(rest);
	default:
		return read_link(rest);
	}
}

/* Reads as much as can be decided; *ret_taken bytes are done. */
static int read_span(const struct span *span, size_t *ret_taken)
{
	size_t at = 0;

	*ret_taken = 0;
	while (at < span->length) {
		size_t end = ordinary(span, at);
		struct span rest = *span;
		int r = end > at ? emit(span, STYLE_PLAIN, span->at + at, end - at) : 0;

		if (r < 0)
			return r;
		at = *ret_taken = end;
		if (at == span->length)
			break;
		rest.at += at;
		rest.length -= at;
		if (at > 0)
			rest.before = span->at[at - 1];
		r = read_mark(&rest);
		if (r <= 0)
			return r;
		at += (size_t)r;
		*ret_taken = at;
	}
	return 0;
}

static int feed(struct inline_text *text, bool last, unsigned style, struct wrap *wrap)
{
	const struct span span = {
		.at = buf_string(&text->held),
		.length = text->held.length,
		.last = last,
		.before = text->before,
		.style = style,
		.wrap = wrap,
	};
	size_t taken;
	int r = read_span(&span, &taken);

	if (taken > 0)
		text->before = span.at[taken - 1];
	buf_consume(&text->held, taken);
	return r;
}

int inline_feed(struct inline_text *text, const char *bytes, size_t length, unsigned style,
		struct wrap *wrap)
{
	int r = 0;

	for (size_t n; length > 0 && r == 0; bytes += n, length -= n) {
		n = utf8_cut(bytes, length, INLINE_HELD_MAX);
		r = buf_add(&text->held, bytes, n);
		if (r == 0)
			r = feed(text, false, style, wrap);
	}
	return r;
}

int inline_end(struct inline_text *text, unsigned style, struct wrap *wrap)
{
	int r = feed(text, true, style, wrap);

	buf_truncate(&text->held, 0);
	text->before = ' ';
	return r;
}
