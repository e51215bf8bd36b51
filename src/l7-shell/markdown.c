/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/markdown.h"

#include "l7-shell/inline-text.h"
#include "l7-shell/screen.h"
#include "l7-shell/text-table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEAD_BYTES_MAX = TEXT_TABLE_BYTES_MAX / 2, /* of a line that is held to its end */
	INDENT_MAX = 24,
	FENCE_MIN = 3,
	HEADING_MAX = 6,
	NUMBER_DIGITS_MAX = 9,
	RULE_COLUMNS_MAX = 40,
};

#define BULLET "\xE2\x80\xA2 "    /* "• " */
#define QUOTE_BAR "\xE2\x94\x82 " /* "│ " */
#define RULE_DASH "\xE2\x94\x80"  /* "─" */
#define CODE_INDENT "  "

/* What the rest of the line is, once its front is known. */
enum line_kind {
	LINE_UNDECIDED,
	LINE_TEXT,
	LINE_HEADING,
	LINE_FENCE,
	LINE_TABLE,
	LINE_RULE,
	LINE_CODE, /* inside a fence */
};

struct markdown {
	struct markdown_options options;
	struct buf *out; /* of the call that is running */
	struct wrap wrap;
	struct inline_text text;
	struct text_table table;
	struct buf head; /* the front of the line while it is undecided or held */
	enum line_kind kind;
	unsigned style; /* of the line's text */
	char fence;     /* the character of the open fence; 0: none */
	size_t fence_length;
	bool fence_begun; /* something of the code line was written */
};

int markdown_open(const struct markdown_options *options, struct markdown **ret)
{
	struct markdown *markdown = calloc(1, sizeof(*markdown));

	if (!markdown)
		return -ENOMEM;
	markdown->options = *options;
	markdown->head = BUF(HEAD_BYTES_MAX);
	wrap_init(&markdown->wrap, NULL, options->columns, options->attributes, options->colour);
	inline_init(&markdown->text);
	text_table_init(&markdown->table);
	*ret = markdown;
	return 0;
}

void markdown_resize(struct markdown *markdown, size_t columns)
{
	markdown->options.columns = columns;
	markdown->wrap.columns = columns;
}

void markdown_close(struct markdown *markdown)
{
	if (!markdown)
		return;
	wrap_fini(&markdown->wrap);
	inline_fini(&markdown->text);
	text_table_fini(&markdown->table);
	buf_free(&markdown->head);
	free(markdown);
}

/* The front of a line: what it begins with and where its text starts. */
struct front {
	enum line_kind kind;
	size_t skip;    /* bytes of marks */
	unsigned level; /* of a heading */
	bool quoted;
	char first[WRAP_PREFIX_BYTES], rest[WRAP_PREFIX_BYTES];
};

static void add_prefix(struct front *front, const char *first, const char *rest)
{
	size_t a = strlen(front->first), b = strlen(front->rest);

	if (a + strlen(first) >= sizeof(front->first) || b + strlen(rest) >= sizeof(front->rest))
		return; /* too deep to show: the text itself is still shown */
	memcpy(front->first + a, first, strlen(first) + 1);
	memcpy(front->rest + b, rest, strlen(rest) + 1);
}

static size_t run(const char *at, size_t left, char c)
{
	size_t n = 0;

	while (n < left && at[n] == c)
		n++;
	return n;
}

/* A line of three or more of the same mark and nothing else. */
static bool is_rule(const char *at, size_t left)
{
	size_t n = run(at, left, *at);

	return n >= FENCE_MIN && n + run(at + n, left - n, ' ') == left;
}

static enum line_kind decide(struct front *front, enum line_kind kind, size_t skip)
{
	front->skip += skip;
	front->kind = kind;
	return kind;
}

static enum line_kind read_heading(struct front *front, const char *at, size_t left, bool whole)
{
	size_t n = run(at, left, '#');

	if (n == left && !whole)
		return LINE_UNDECIDED;
	if (n > HEADING_MAX || n == left || at[n] != ' ')
		return decide(front, LINE_TEXT, 0);
	front->level = (unsigned)n;
	return decide(front, LINE_HEADING, n + 1);
}

static enum line_kind read_fence(struct front *front, const char *at, size_t left, bool whole)
{
	size_t n = run(at, left, *at);

	if (n == left && !whole)
		return LINE_UNDECIDED;
	if (n < FENCE_MIN || front->quoted || (*at == '`' && memchr(at + n, '`', left - n)))
		return decide(front, LINE_TEXT, 0);
	return whole ? decide(front, LINE_FENCE, 0) : LINE_UNDECIDED;
}

/* "- ", "* ", "+ ": a list item; "---", "***", "___": a rule; else text. */
static enum line_kind read_mark(struct front *front, const char *at, size_t left, bool whole)
{
	size_t n = run(at, left, *at), spaces = run(at + n, left - n, ' ');

	if (n + spaces == left && !whole)
		return LINE_UNDECIDED;
	if (*at != '+' && is_rule(at, left))
		return decide(front, LINE_RULE, 0);
	if (*at == '_' || n != 1 || spaces == 0)
		return decide(front, LINE_TEXT, 0);
	add_prefix(front, BULLET, "  ");
	front->skip += 2;
	return LINE_UNDECIDED;
}

static enum line_kind read_number(struct front *front, const char *at, size_t left, bool whole)
{
	char mark[NUMBER_DIGITS_MAX + 4] = { 0 }, blank[NUMBER_DIGITS_MAX + 4] = { 0 };
	size_t n = 0;

	while (n < left && n < NUMBER_DIGITS_MAX && isdigit((unsigned char)at[n]))
		n++;
	if (n + 1 >= left && !whole)
		return LINE_UNDECIDED;
	if (n + 1 >= left || (at[n] != '.' && at[n] != ')') || at[n + 1] != ' ')
		return decide(front, LINE_TEXT, 0);
	memcpy(mark, at, n + 2);
	memset(blank, ' ', n + 2);
	add_prefix(front, mark, blank);
	front->skip += n + 2;
	return LINE_UNDECIDED;
}

static enum line_kind read_quote(struct front *front, const char *at, size_t left, bool whole)
{
	if (left < 2 && !whole)
		return LINE_UNDECIDED;
	add_prefix(front, QUOTE_BAR, QUOTE_BAR);
	front->quoted = true;
	front->skip += left > 1 && at[1] == ' ' ? 2 : 1;
	return LINE_UNDECIDED;
}

/* One mark at the front; LINE_UNDECIDED with skip unchanged means more bytes are needed. */
static enum line_kind read_one(struct front *front, const char *at, size_t left, bool whole)
{
	switch (*at) {
	case '#':
		return read_heading(front, at, left, whole);
	case '`':
	case '~':
		return read_fence(front, at, left, whole);
	case '-':
	case '*':
	case '+':
	case '_':
		return read_mark(front, at, left, whole);
	case '>':
		return read_quote(front, at, left, whole);
	case '|':
		return whole ? decide(front, LINE_TABLE, 0) : LINE_UNDECIDED;
	default:
		if (isdigit((unsigned char)*at))
			return read_number(front, at, left, whole);
		return decide(front, LINE_TEXT, 0);
	}
}

static enum line_kind read_front(const char *line, size_t length, bool whole, struct front *ret)
{
	*ret = (struct front){ 0 };
	for (;;) {
		size_t spaces = run(line + ret->skip, length - ret->skip, ' '), before;
		char blank[INDENT_MAX + 1] = { 0 };
		enum line_kind kind;

		if (ret->skip + spaces == length)
			return whole ? decide(ret, LINE_TEXT, spaces) : LINE_UNDECIDED;
		memset(blank, ' ', spaces < INDENT_MAX ? spaces : INDENT_MAX);
		add_prefix(ret, blank, blank);
		ret->skip += spaces;
		before = ret->skip;
		kind = read_one(ret, line + before, length - before, whole);
		if (kind != LINE_UNDECIDED || ret->skip == before)
			return kind;
		if (ret->skip == length)
			return whole ? decide(ret, LINE_TEXT, 0) : LINE_UNDECIDED;
	}
}

static int write_rule(struct markdown *markdown)
{
	size_t n = markdown->options.columns;
	int r = 0;

	n = n == 0 || n > RULE_COLUMNS_MAX ? RULE_COLUMNS_MAX : n;
	while (n-- > 0 && r == 0)
		r = buf_add_string(markdown->out, RULE_DASH);
	return r < 0 ? r : buf_add_char(markdown->out, '\n');
}

static void open_fence(struct markdown *markdown, const struct front *front)
{
	const char *at = markdown->head.data + front->skip;

	markdown->fence = *at;
	markdown->fence_length = run(at, markdown->head.length - front->skip, *at);
	wrap_prefix(&markdown->wrap, "", "", STYLE_PLAIN);
}

/* The rows that were kept turn out to be a table, or ordinary lines. */
static int flush_table(struct markdown *markdown)
{
	const char *at = buf_string(&markdown->table.rows);
	int r = 0;

	if (*at == '\0')
		return 0;
	if (text_table_is_table(&markdown->table))
		return text_table_render(&markdown->table, &markdown->wrap);
	wrap_prefix(&markdown->wrap, "", "", STYLE_PLAIN);
	while (*at && r == 0) {
		size_t n = strcspn(at, "\n");

		r = inline_feed(&markdown->text, at, n, STYLE_PLAIN, &markdown->wrap);
		if (r == 0)
			r = inline_end(&markdown->text, STYLE_PLAIN, &markdown->wrap);
		if (r == 0)
			r = wrap_end_line(&markdown->wrap);
		at += n + (at[n] == '\n');
	}
	buf_truncate(&markdown->table.rows, 0);
	return r;
}

static int keep_row(struct markdown *markdown)
{
	int r = text_table_add(&markdown->table, buf_string(&markdown->head),
			       markdown->head.length);

	if (r == -EMSGSIZE && markdown->table.rows.length > 0) {
		r = flush_table(markdown);
		if (r == 0)
			r = text_table_add(&markdown->table, buf_string(&markdown->head),
					   markdown->head.length);
	}
	return r;
}

/* The line's kind is known: what was held goes where the rest will go. */
static int begin_line(struct markdown *markdown, const struct front *front)
{
	int r = front->kind == LINE_TABLE ? 0 : flush_table(markdown);

	if (r < 0)
		return r;
	markdown->kind = front->kind;
	markdown->style = STYLE_PLAIN;
	switch (front->kind) {
	case LINE_HEADING:
		markdown->style = STYLE_BOLD | STYLE_HEAD;
		if (front->level == 1)
			markdown->style |= STYLE_UNDERLINE;
		break;
	case LINE_FENCE:
		open_fence(markdown, front);
		return 0;
	case LINE_TABLE:
		return keep_row(markdown);
	case LINE_RULE:
		return write_rule(markdown);
	case LINE_TEXT:
	case LINE_CODE:
	case LINE_UNDECIDED:
		break;
	}
	wrap_prefix(&markdown->wrap, front->first, front->rest, STYLE_DIM);
	return inline_feed(&markdown->text, buf_string(&markdown->head) + front->skip,
			   markdown->head.length - front->skip, markdown->style, &markdown->wrap);
}

static int end_text_line(struct markdown *markdown)
{
	int r = inline_end(&markdown->text, markdown->style, &markdown->wrap);

	return r < 0 ? r : wrap_end_line(&markdown->wrap);
}

static bool closes_fence(const struct markdown *markdown)
{
	const char *at = buf_string(&markdown->head);
	size_t left = markdown->head.length, spaces = run(at, left, ' '), n;

	n = run(at + spaces, left - spaces, markdown->fence);
	return n >= markdown->fence_length &&
	       spaces + n + run(at + spaces + n, left - spaces - n, ' ') == left;
}

static int write_code(struct markdown *markdown, const char *text, size_t length)
{
	struct buf *out = markdown->out;
	int r = 0;

	if (!markdown->fence_begun && length > 0) {
		r = buf_add_string(out, CODE_INDENT);
		markdown->fence_begun = true;
	}
	if (length == 0 || r < 0)
		return r;
	if (markdown->options.attributes)
		r = screen_style_change(STYLE_PLAIN, STYLE_CODE, markdown->options.colour, out);
	if (r == 0)
		r = buf_add(out, text, length);
	if (r == 0 && markdown->options.attributes)
		r = screen_style_change(STYLE_CODE, STYLE_PLAIN, markdown->options.colour, out);
	return r;
}

static int end_code_line(struct markdown *markdown)
{
	int r = 0;

	if (markdown->kind != LINE_CODE && closes_fence(markdown)) {
		markdown->fence = '\0';
		return 0;
	}
	if (markdown->kind != LINE_CODE)
		r = write_code(markdown, buf_string(&markdown->head), markdown->head.length);
	markdown->fence_begun = false;
	return r < 0 ? r : buf_add_char(markdown->out, '\n');
}

static int end_line(struct markdown *markdown)
{
	struct front front;
	int r = 0;

	if (markdown->fence) {
		r = end_code_line(markdown);
	} else {
		if (markdown->kind == LINE_UNDECIDED) {
			(void)read_front(buf_string(&markdown->head), markdown->head.length, true,
					 &front);
			r = begin_line(markdown, &front);
		}
		if (r == 0 && (markdown->kind == LINE_TEXT || markdown->kind == LINE_HEADING))
			r = end_text_line(markdown);
	}
	markdown->kind = LINE_UNDECIDED;
	buf_truncate(&markdown->head, 0);
	return r;
}

/* A piece of a code line: held only while the line could still close the fence. */
static int feed_code(struct markdown *markdown, const char *text, size_t length)
{
	const char *at;
	size_t spaces, n;
	int r;

	if (markdown->kind != LINE_CODE && length > HEAD_BYTES_MAX - markdown->head.length) {
		r = write_code(markdown, buf_string(&markdown->head), markdown->head.length);
		if (r < 0)
			return r;
		markdown->kind = LINE_CODE;
	}
	if (markdown->kind == LINE_CODE)
		return write_code(markdown, text, length);
	r = buf_add(&markdown->head, text, length);
	if (r < 0)
		return r;
	at = buf_string(&markdown->head);
	spaces = run(at, markdown->head.length, ' ');
	n = run(at + spaces, markdown->head.length - spaces, markdown->fence);
	if (spaces + n == markdown->head.length || closes_fence(markdown))
		return 0;
	markdown->kind = LINE_CODE;
	return write_code(markdown, at, markdown->head.length);
}

/* A piece of a line. */
static int feed_piece(struct markdown *markdown, const char *text, size_t length)
{
	struct front front;
	int r;

	if (markdown->fence)
		return feed_code(markdown, text, length);
	if (markdown->kind == LINE_UNDECIDED && length > HEAD_BYTES_MAX - markdown->head.length) {
		front = (struct front){ .kind = LINE_TEXT }; /* too long to be a row or a fence */
		r = begin_line(markdown, &front);
		if (r < 0)
			return r;
	}
	if (markdown->kind != LINE_UNDECIDED)
		return inline_feed(&markdown->text, text, length, markdown->style, &markdown->wrap);
	r = buf_add(&markdown->head, text, length);
	if (r < 0)
		return r;
	if (read_front(buf_string(&markdown->head), markdown->head.length, false, &front) ==
	    LINE_UNDECIDED)
		return 0;
	return begin_line(markdown, &front);
}

int markdown_resume(struct markdown *markdown, struct buf *out)
{
	markdown->out = markdown->wrap.out = out;
	return wrap_resume(&markdown->wrap);
}

int markdown_feed(struct markdown *markdown, const char *text, size_t length, struct buf *out)
{
	int r = 0;

	markdown->out = markdown->wrap.out = out;
	while (length > 0 && r == 0) {
		const char *newline = memchr(text, '\n', length);
		size_t n = newline ? (size_t)(newline - text) : length;

		if (n > 0)
			r = feed_piece(markdown, text, n);
		if (r == 0 && newline)
			r = end_line(markdown);
		text += n + (newline != NULL);
		length -= n + (newline != NULL);
	}
	return r;
}

int markdown_end(struct markdown *markdown, struct buf *out)
{
	int r = 0;

	markdown->out = markdown->wrap.out = out;
	if (markdown->kind != LINE_UNDECIDED || markdown->head.length > 0)
		r = end_line(markdown);
	if (r == 0)
		r = flush_table(markdown);
	markdown->fence = '\0';
	return r;
}
