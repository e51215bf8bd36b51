/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/wrap.h"

#include "l7-shell/glyph.h"
#include "l7-shell/screen.h"

#include <string.h>

void wrap_init(struct wrap *wrap, struct buf *out, size_t columns, bool attributes, bool colour)
{
	*wrap = (struct wrap){
		.out = out,
		.columns = columns,
		.attributes = attributes,
		.colour = colour,
		.word = BUF(WRAP_WORD_BYTES_MAX),
	};
}

void wrap_fini(struct wrap *wrap)
{
	buf_free(&wrap->word);
}

static void copy_prefix(char *target, const char *text)
{
	size_t length = strnlen(text, WRAP_PREFIX_BYTES - 1);

	memcpy(target, text, length);
	target[length] = '\0';
}

void wrap_prefix(struct wrap *wrap, const char *first, const char *rest, unsigned style)
{
	copy_prefix(wrap->first, first);
	copy_prefix(wrap->rest, rest);
	wrap->prefix_style = style;
}

static int set_style(struct wrap *wrap, unsigned to)
{
	int r = 0;

	if (wrap->attributes)
		r = screen_style_change(wrap->style, to, wrap->colour, wrap->out);
	wrap->style = to;
	return r;
}

static int begin_line(struct wrap *wrap, const char *prefix)
{
	int r = set_style(wrap, prefix[0] ? wrap->prefix_style : wrap->style);

	if (r == 0)
		r = buf_add_string(wrap->out, prefix);
	wrap->column = glyph_text_width(prefix, strlen(prefix));
	wrap->begun = true;
	return r;
}

static int break_line(struct wrap *wrap)
{
	int r = set_style(wrap, STYLE_PLAIN);

	if (r == 0)
		r = buf_add_char(wrap->out, '\n');
	wrap->spaces = 0;
	return r < 0 ? r : begin_line(wrap, wrap->rest);
}

static int add_spaces(struct wrap *wrap)
{
	int r = 0;

	for (; wrap->spaces > 0 && r == 0; wrap->spaces--, wrap->column++)
		r = buf_add_char(wrap->out, ' ');
	return r;
}

/* The word goes to the output, on a new line when it does not fit. */
static int place_word(struct wrap *wrap)
{
	size_t indent = glyph_text_width(wrap->rest, strlen(wrap->rest));
	int r = 0;

	if (wrap->word.length == 0)
		return 0;
	if (!wrap->begun)
		r = begin_line(wrap, wrap->first);
	if (r == 0 && wrap->columns > 0 && wrap->column > indent &&
	    wrap->column + wrap->spaces + wrap->word_columns > wrap->columns)
		r = break_line(wrap);
	if (r == 0)
		r = set_style(wrap,
			      wrap->spaces > 0 ? wrap->style & wrap->word_first : wrap->style);
	if (r == 0)
		r = add_spaces(wrap);
	if (r == 0)
		r = set_style(wrap, wrap->word_first);
	if (r == 0)
		r = buf_add(wrap->out, wrap->word.data, wrap->word.length);
	wrap->style = wrap->word_style;
	wrap->column += wrap->word_columns;
	wrap->word_columns = 0;
	buf_truncate(&wrap->word, 0);
	return r;
}

static int add_to_word(struct wrap *wrap, unsigned style, const char *text, size_t length)
{
	int r = 0;

	if (wrap->word.length + length > WRAP_WORD_BYTES_MAX / 2)
		r = place_word(wrap); /* no word: it may be broken here */
	if (wrap->word.length == 0)
		wrap->word_first = style;
	else if (style != wrap->word_style && wrap->attributes)
		r = screen_style_change(wrap->word_style, style, wrap->colour, &wrap->word);
	wrap->word_style = style;
	if (r == 0)
		r = buf_add(&wrap->word, text, length);
	wrap->word_columns += glyph_text_width(text, length);
	return r;
}

int wrap_text(struct wrap *wrap, unsigned style, const char *text, size_t length)
{
	int r = 0;

	for (size_t at = 0; at < length && r == 0;) {
		size_t n = 0;

		if (text[at] == ' ' || text[at] == '\t') {
			r = place_word(wrap);
			wrap->spaces++;
			at++;
			continue;
		}
		while (at + n < length && text[at + n] != ' ' && text[at + n] != '\t')
			n++;
		r = add_to_word(wrap, style, text + at, n);
		at += n;
	}
	return r;
}

int wrap_resume(struct wrap *wrap)
{
	wrap->style = STYLE_PLAIN;
	wrap->spaces = 0;
	return wrap->begun ? begin_line(wrap, wrap->rest) : 0;
}

int wrap_end_line(struct wrap *wrap)
{
	int r = place_word(wrap);

	if (r == 0 && !wrap->begun && wrap->first[0])
		r = begin_line(wrap, wrap->first);
	if (r == 0)
		r = set_style(wrap, STYLE_PLAIN);
	if (r == 0)
		r = buf_add_char(wrap->out, '\n');
	wrap->begun = false;
	wrap->column = 0;
	wrap->spaces = 0;
	return r;
}

size_t wrap_line_columns(const char *line, size_t length)
{
	size_t columns = 0, at = 0;

	while (at < length) {
		size_t n = 0;

		if (line[at] == '\033') {
			while (at < length && line[at] != 'm')
				at++;
			at += at < length;
			continue;
		}
		while (at + n < length && line[at + n] != '\033')
			n++;
		columns += glyph_text_width(line + at, n);
		at += n;
	}
	return columns;
}
