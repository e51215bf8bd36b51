/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* printed-element - calls printed as elements: invoke and parameter, function=, arg_key (L6). */
#include "l6-agent/printed-internal.h"

#include "base/json-text.h"
#include "l6-agent/tool.h"

#include <string.h>

enum { CLOSING_BYTES = PRINTED_WORD_BYTES + 1 };

static const char *const child_names[] = { "name", "tool_name", "function_name" };
static const char *const child_bodies[] = { "arguments", "parameters", "input", "args", "params" };

static bool is_word(const struct mark *mark, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(mark->word, words[i]) == 0)
			return true;
	return false;
}

#define IS_WORD(mark, array) is_word(mark, array, sizeof(array) / sizeof((array)[0]))

static bool closes(const struct mark *mark, const char *word)
{
	return mark->closes && strcmp(mark->word, word) == 0;
}

/*
 * The text up to </word>. A </word> that something else than another mark or the end follows is
 * part of the text: files hold such things.
 */
static int read_text(struct look *look, const char *word, struct look *ret)
{
	const char *from = look->at, *at = from;

	for (; (at = memchr(at, '<', (size_t)(look->end - at))); at++) {
		struct look behind;
		struct mark mark, next;

		if (mark_read(at, look->end, &mark) != READ_OK || !closes(&mark, word))
			continue;
		behind = (struct look){ mark.end, look->end };
		look_skip_blanks(&behind);
		if (behind.at < behind.end && mark_read(behind.at, behind.end, &next) != READ_OK)
			continue;
		*ret = (struct look){ from, at };
		look->at = mark.end;
		return READ_OK;
	}
	look->at = look->end;
	return READ_CUT;
}

/* The line feeds beside the marks belong to the marks. */
static void trim_lines(struct look *text)
{
	if (text->at < text->end && *text->at == '\n')
		text->at++;
	if (text->at < text->end && text->end[-1] == '\n')
		text->end--;
}

static int add_member(struct buf *out, const char *name, const struct look *text)
{
	int r = buf_add_string(out, out->length > 1 ? ",\"" : "\"");

	if (r == 0)
		r = json_text_escape_repaired(out, name, strlen(name));
	if (r == 0)
		r = buf_add_string(out, "\":\"");
	if (r == 0)
		r = json_text_escape_repaired(out, text->at, (size_t)(text->end - text->at));
	return r == 0 ? buf_add_char(out, '"') : r;
}

/* <parameter name="x">…</parameter>, <parameter=x>…, or <x>…</x> for an argument x. */
static int read_parameter(struct parse *parse, const struct tool *tool, const struct mark *mark,
			  struct buf *out)
{
	const char *name = mark->name[0] ? mark->name : mark->word;
	struct look text;
	int r;

	if (mark->closes || (!mark->name[0] && !tool_has_argument(tool, name)))
		return READ_BAD;
	parse->look.at = mark->end;
	r = read_text(&parse->look, mark->word, &text);
	if (r != READ_OK)
		return r;
	trim_lines(&text);
	return add_member(out, name, &text);
}

/* An object as the whole body. */
static int read_body(struct parse *parse, const struct tool *tool, const char *word)
{
	auto_buf struct buf out = BUF(PRINTED_JSON_BYTES_MAX);
	struct mark mark;
	int r = value_read(&parse->look, &out, 0);

	look_skip_blanks(&parse->look);
	if (r == READ_OK && mark_read(parse->look.at, parse->look.end, &mark) == READ_OK &&
	    closes(&mark, word))
		parse->look.at = mark.end;
	return r == READ_OK ? parse_add(parse, tool, &out) : r;
}

int parse_element(struct parse *parse, const struct tool *tool, const char *word)
{
	auto_buf struct buf out = BUF(PRINTED_JSON_BYTES_MAX);
	int r = buf_add_char(&out, '{');

	parse->begun = tool;
	parse->begun_at = parse->look.at;
	look_skip_blanks(&parse->look);
	if (parse->look.at < parse->look.end && *parse->look.at == '{')
		return read_body(parse, tool, word);
	while (r == 0) {
		struct mark mark;

		look_skip_blanks(&parse->look);
		if (parse->look.at == parse->look.end)
			return READ_CUT;
		r = (int)mark_read(parse->look.at, parse->look.end, &mark);
		if (r != READ_OK)
			return r;
		if (closes(&mark, word)) {
			parse->look.at = mark.end;
			r = buf_add_char(&out, '}');
			return r == 0 ? parse_add(parse, tool, &out) : r;
		}
		if (IS_WORD(&mark, child_bodies) && !mark.closes && !mark.name[0] &&
		    !tool_has_argument(tool, mark.word)) {
			parse->look.at = mark.end;
			return read_body(parse, tool, mark.word);
		}
		r = read_parameter(parse, tool, &mark, &out);
	}
	return r;
}

/* A short text: a name. */
static int read_short(struct look *look, const char *word, char ret[static PRINTED_NAME_BYTES])
{
	struct look text;
	int r = read_text(look, word, &text);

	if (r != READ_OK)
		return r;
	look_skip_blanks(&text);
	if (!look_word(&text, ret, PRINTED_NAME_BYTES))
		return READ_BAD;
	look_skip_blanks(&text);
	return text.at == text.end && ret[0] ? READ_OK : READ_BAD;
}

int parse_children(struct parse *parse, const struct mark *first)
{
	char name[PRINTED_NAME_BYTES];
	const struct tool *tool;
	struct mark mark;
	int r;

	if (!IS_WORD(first, child_names))
		return READ_BAD;
	parse->look.at = first->end;
	r = read_short(&parse->look, first->word, name);
	tool = r == READ_OK ? printed_tool(parse->printed, name) : NULL;
	if (!tool)
		return r == READ_OK ? READ_BAD : r;
	parse->begun = tool;
	parse->begun_at = parse->look.at;
	look_skip_blanks(&parse->look);
	r = (int)mark_read(parse->look.at, parse->look.end, &mark);
	if (r != READ_OK)
		return parse->look.at == parse->look.end ? READ_CUT : r;
	if (!IS_WORD(&mark, child_bodies) || mark.closes)
		return READ_BAD;
	parse->look.at = mark.end;
	return parse_element(parse, tool, mark.word);
}

int parse_pairs(struct parse *parse, const struct tool *tool)
{
	auto_buf struct buf out = BUF(PRINTED_JSON_BYTES_MAX);
	int r = buf_add_char(&out, '{');

	while (r == 0) {
		char name[PRINTED_NAME_BYTES];
		struct mark mark;
		struct look value;

		look_skip_blanks(&parse->look);
		if (parse->look.at == parse->look.end)
			break;
		r = (int)mark_read(parse->look.at, parse->look.end, &mark);
		if (r != READ_OK || strcmp(mark.word, "arg_key") != 0)
			break;
		parse->look.at = mark.end;
		r = read_short(&parse->look, "arg_key", name);
		look_skip_blanks(&parse->look);
		if (r == READ_OK)
			r = (int)mark_read(parse->look.at, parse->look.end, &mark);
		if (r == READ_OK && strcmp(mark.word, "arg_value") != 0)
			r = READ_BAD;
		if (r != READ_OK)
			return parse->look.at == parse->look.end ? READ_CUT : r;
		parse->look.at = mark.end;
		r = read_text(&parse->look, "arg_value", &value);
		if (r != READ_OK)
			return r;
		r = add_member(&out, name, &value);
	}
	if (r == READ_OK)
		r = buf_add_char(&out, '}');
	return r == READ_OK ? parse_add(parse, tool, &out) : r;
}
