/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * printed-parse - a whole segment that may be calls: items of any spelling, one behind the other,
 * and nothing else (L6).
 */
#include "l6-agent/printed-internal.h"

#include "l6-agent/tool.h"

#include <string.h>

int parse_add(struct parse *parse, const struct tool *tool, struct buf *arguments)
{
	char *text;

	if (parse->n_calls == PRINTED_CALLS_MAX)
		return READ_BAD;
	if (!parse->calls)
		parse->calls = calloc(PRINTED_CALLS_MAX, sizeof(*parse->calls));
	if (!parse->calls)
		return -ENOMEM;
	text = arguments->length > 0 ? buf_take(arguments) : strdup("{}");
	if (!text)
		return -ENOMEM;
	parse->calls[parse->n_calls++] = (struct printed_call){ .tool = tool, .arguments = text };
	parse->begun = NULL;
	return READ_OK;
}

/* An object that has to follow a name. */
static int take_object(struct parse *parse, const struct tool *tool)
{
	auto_buf struct buf out = BUF(PRINTED_JSON_BYTES_MAX);
	int r;

	look_skip_blanks(&parse->look);
	if (look_skip(&parse->look, "```")) {
		char word[PRINTED_WORD_BYTES];

		if (!look_word(&parse->look, word, sizeof(word)))
			return READ_BAD;
		look_skip_blanks(&parse->look);
	}
	if (look_peek(&parse->look) != '{')
		return parse->look.at == parse->look.end ? READ_CUT : READ_BAD;
	r = value_read(&parse->look, &out, 0);
	return r == READ_OK ? parse_add(parse, tool, &out) : r;
}

static int take_brackets(struct parse *parse, const struct tool *tool)
{
	auto_buf struct buf out = BUF(PRINTED_JSON_BYTES_MAX);
	int r = value_read_arguments(&parse->look, &out);

	return r == READ_OK ? parse_add(parse, tool, &out) : r;
}

static int take_nothing(struct parse *parse, const struct tool *tool)
{
	auto_buf struct buf none = BUF(1);

	return parse->is_marked ? parse_add(parse, tool, &none) : READ_BAD;
}

/* What follows the name of a tool. */
static int take_named(struct parse *parse, const struct tool *tool)
{
	struct mark mark;

	parse->begun = tool;
	parse->begun_at = parse->look.at;
	if (look_skip(&parse->look, ":")) /* the number of the call */
		while (isdigit((unsigned char)look_peek(&parse->look)))
			parse->look.at++;
	look_skip_blanks(&parse->look);
	if (look_peek(&parse->look) == '(')
		return take_brackets(parse, tool);
	if (look_peek(&parse->look) == '{' || look_peek(&parse->look) == '`')
		return take_object(parse, tool);
	if (parse->look.at == parse->look.end)
		return READ_CUT;
	if (mark_read(parse->look.at, parse->look.end, &mark) != READ_OK)
		return READ_BAD;
	if (strcmp(mark.word, "call_id") == 0) {
		char id[PRINTED_NAME_BYTES];

		parse->look.at = mark.end;
		if (!look_word(&parse->look, id, sizeof(id)) ||
		    mark_read(parse->look.at, parse->look.end, &mark) != READ_OK)
			return parse->look.at == parse->look.end ? READ_CUT : READ_BAD;
	}
	if (mark_kind_of(&mark) == MARK_SEPARATOR) {
		parse->look.at = mark.end;
		return take_object(parse, tool);
	}
	if (strcmp(mark.word, "arg_key") == 0)
		return parse_pairs(parse, tool);
	return mark_kind_of(&mark) == MARK_AROUND ? take_nothing(parse, tool) : READ_BAD;
}

/* Action: NAME, a new line, Action Input: {…} */
static int take_action(struct parse *parse)
{
	char name[PRINTED_NAME_BYTES];
	const struct tool *tool;

	if (!look_skip(&parse->look, ":"))
		return READ_BAD;
	look_skip_blanks(&parse->look);
	if (look_peek(&parse->look) == '{' || look_peek(&parse->look) == '[')
		return parse_json(parse);
	if (look_peek(&parse->look) == '`')
		return READ_OK; /* a fence is passed over as one */
	(void)look_skip(&parse->look, "`");
	if (!look_word(&parse->look, name, sizeof(name)))
		return READ_BAD;
	tool = printed_tool(parse->printed, name);
	parse->begun = tool;
	parse->begun_at = parse->look.at;
	look_skip_blanks(&parse->look);
	if (!tool || !look_skip(&parse->look, "Action Input:"))
		return tool && parse->look.at == parse->look.end ? READ_CUT : READ_BAD;
	return take_object(parse, tool);
}

/* A word: the name of a tool, or one of the words that stand around it. */
static int take_word(struct parse *parse)
{
	char word[PRINTED_NAME_BYTES];
	const struct tool *tool;
	struct mark mark;

	if (!look_word(&parse->look, word, sizeof(word)) || !*word)
		return READ_BAD;
	if (strcmp(word, "Action") == 0)
		return take_action(parse);
	tool = printed_tool(parse->printed, word);
	if (tool)
		return take_named(parse, tool);
	if (strcmp(word, "call") == 0 && look_skip(&parse->look, ":"))
		return READ_OK;
	if (strcmp(word, "print") == 0 && look_skip(&parse->look, "(")) {
		int r = take_word(parse);

		look_skip_blanks(&parse->look);
		return r == READ_OK && !look_skip(&parse->look, ")") ? READ_BAD : r;
	}
	if (strcmp(word, "function") == 0 &&
	    mark_read(parse->look.at, parse->look.end, &mark) == READ_OK &&
	    mark_kind_of(&mark) == MARK_SEPARATOR) {
		parse->look.at = mark.end;
		return READ_OK;
	}
	return READ_BAD;
}

/* <|channel|>commentary to=functions.NAME <|constrain|>json<|message|>{…} */
static int take_channel(struct parse *parse)
{
	char word[PRINTED_NAME_BYTES];
	const struct tool *tool = NULL;
	struct mark mark;

	for (;;) {
		look_skip_blanks(&parse->look);
		if (mark_read(parse->look.at, parse->look.end, &mark) == READ_OK) {
			if (mark_kind_of(&mark) != MARK_CHANNEL)
				return READ_BAD;
			parse->look.at = mark.end;
			if (strcmp(mark.word, "message") == 0)
				break;
			continue;
		}
		if (look_skip(&parse->look, "to=")) {
			if (!look_word(&parse->look, word, sizeof(word)))
				return READ_BAD;
			tool = printed_tool(parse->printed, word);
			parse->begun = tool;
			parse->begun_at = parse->look.at;
			continue;
		}
		if (!look_word(&parse->look, word, sizeof(word)) || !*word)
			return tool && parse->look.at == parse->look.end ? READ_CUT : READ_BAD;
		if (strcmp(word, "commentary") != 0 && strcmp(word, "assistant") != 0 &&
		    strcmp(word, "json") != 0)
			return READ_BAD;
	}
	return tool ? take_object(parse, tool) : READ_BAD;
}

static int take_mark(struct parse *parse, const struct mark *mark)
{
	const struct tool *tool = mark->name[0] ? printed_tool(parse->printed, mark->name) : NULL;

	switch (mark_kind_of(mark)) {
	case MARK_CHANNEL:
		return take_channel(parse);
	case MARK_ENDING:
		parse->look.at = mark->end;
		return READ_OK;
	case MARK_AROUND:
	case MARK_ELEMENT:
		parse->look.at = mark->end;
		if (mark->name[0] && !mark->closes)
			return tool ? parse_element(parse, tool, mark->word) : READ_BAD;
		return mark->closes || mark_kind_of(mark) == MARK_AROUND ? READ_OK : READ_BAD;
	case MARK_SEPARATOR:
		return READ_BAD;
	case MARK_OTHER:
		break;
	}
	tool = mark->closes ? NULL : printed_tool(parse->printed, mark->word);
	if (!tool)
		return parse_children(parse, mark);
	parse->look.at = mark->end;
	return parse_element(parse, tool, mark->word);
}

/* [name(a=1), name()] */
static int take_list(struct parse *parse)
{
	struct look look = parse->look;
	int r;

	look.at++;
	look_skip_blanks(&look);
	if (look.at == look.end || !isalpha((unsigned char)*look.at))
		return parse_json(parse);
	parse->look = look;
	do {
		look_skip_blanks(&parse->look);
		r = take_word(parse);
		look_skip_blanks(&parse->look);
	} while (r == READ_OK && look_skip(&parse->look, ","));
	if (r == READ_OK && !look_skip(&parse->look, "]"))
		r = parse->look.at == parse->look.end ? READ_CUT : READ_BAD;
	return r;
}

static int take_fence(struct parse *parse)
{
	char word[PRINTED_WORD_BYTES];

	while (look_skip(&parse->look, "`"))
		;
	/* an info string, alone on its line */
	if (look_word(&parse->look, word, sizeof(word)) && *word && look_peek(&parse->look) != '\n')
		return READ_BAD;
	return READ_OK;
}

static int take_item(struct parse *parse)
{
	struct mark mark;

	if (mark_read(parse->look.at, parse->look.end, &mark) == READ_OK)
		return take_mark(parse, &mark);
	switch (look_peek(&parse->look)) {
	case '{':
		return parse_json(parse);
	case '[':
		return take_list(parse);
	case '`':
		return take_fence(parse);
	case '<':
		return mark_read(parse->look.at, parse->look.end, &mark) == READ_CUT ? READ_CUT
										     : READ_BAD;
	default:
		return look_skip(&parse->look, ">>>") ? READ_OK : take_word(parse);
	}
}

static void skip_between(struct parse *parse)
{
	do
		look_skip_blanks(&parse->look);
	while (look_skip(&parse->look, ";") || look_skip(&parse->look, ","));
}

/* Does a closing mark, or a token that ends the turn, stand at the very end? */
static bool ends_in_mark(const struct look *whole)
{
	const char *at = whole->end;
	struct mark mark;

	while (at > whole->at && isspace((unsigned char)at[-1]))
		at--;
	if (at == whole->at || at[-1] != '>')
		return false;
	at = memrchr(whole->at, '<', (size_t)(at - whole->at));
	return at && mark_read(at, whole->end, &mark) == READ_OK &&
	       (mark.closes || mark_kind_of(&mark) == MARK_ENDING);
}

/*
 * The segment ended in the middle of a call, or what it was given cannot be read. It is passed on
 * as it was written: it will be refused, and the model told why. Nothing is closed by force.
 */
static int add_begun(struct parse *parse)
{
	auto_buf struct buf text = BUF(PRINTED_JSON_BYTES_MAX);
	int r = buf_add(&text, parse->begun_at, (size_t)(parse->look.end - parse->begun_at));

	/* nothing but blanks would count as no arguments */
	if (r == 0 && strspn(buf_string(&text), " \t\r\n") == text.length)
		r = buf_add_string(&text, "(cut off)");
	return r == 0 ? parse_add(parse, parse->begun, &text) : r;
}

int parse_segment(struct parse *parse)
{
	const struct look whole = parse->look;
	struct mark mark;
	int r = READ_OK;

	parse->is_marked = mark_read(whole.at, whole.end, &mark) == READ_OK;
	skip_between(parse);
	while (r == READ_OK && parse->look.at < parse->look.end) {
		const char *from = parse->look.at;
		size_t before = parse->n_calls;

		r = take_item(parse);
		for (size_t i = before; i < parse->n_calls; i++) {
			parse->calls[i].source = from;
			parse->calls[i].length = (size_t)(parse->look.at - from);
		}
		skip_between(parse);
	}
	if (r == READ_CUT && parse->begun)
		return add_begun(parse);
	if (r == READ_CUT && parse->n_calls > 0 && !parse->begun)
		return READ_OK; /* only the closing mark is cut */
	if (r == READ_BAD && parse->begun && parse->is_marked && ends_in_mark(&whole))
		return add_begun(parse);
	return r == READ_OK && parse->n_calls == 0 ? READ_BAD : r;
}
