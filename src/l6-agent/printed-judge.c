/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* printed-judge - can these first bytes become a printed call? The question at every byte (L6). */
#include "l6-agent/printed-internal.h"

#include "l6-agent/tool.h"

#include <string.h>

enum { MARKS_DEEP_MAX = 3, BLANKS_MAX = 32, INFO_BYTES_MAX = 20 };

static enum judged judge_body(const struct printed *printed, struct look look, unsigned depth,
			      bool is_marked);

/* False when there are more blanks than models print. */
static bool skip_few_blanks(struct look *look)
{
	const char *from = look->at;

	look_skip_blanks(look);
	return look->at - from <= BLANKS_MAX;
}

/* Compares what is there of a fixed text. */
static enum judged judge_fixed(struct look *look, const char *text)
{
	size_t left = (size_t)(look->end - look->at), n = strlen(text);

	if (look_skip(look, text))
		return JUDGED_YES;
	return left < n && memcmp(look->at, text, left) == 0 ? JUDGED_MAYBE : JUDGED_NO;
}

/* A name, which may still be written; behind it *look stands. */
static enum judged judge_name(const struct printed *printed, struct look *look)
{
	char word[PRINTED_NAME_BYTES];

	if (!look_word(look, word, sizeof(word)))
		return JUDGED_NO;
	if (look->at == look->end)
		return JUDGED_MAYBE;
	return *word && printed_tool(printed, word) ? JUDGED_YES : JUDGED_NO;
}

/* The value of a key that gives a name. */
static enum judged judge_named(const struct printed *printed, struct look *look)
{
	char quote = look_peek(look);

	if (look->at == look->end)
		return JUDGED_MAYBE;
	if (quote == '{')
		return JUDGED_YES;
	if (quote != '"' && quote != '\'')
		return JUDGED_NO;
	look->at++;
	return judge_name(printed, look);
}

/* The value of "type" or "id", as they stand in printed calls. */
static enum judged judge_word(struct look *look)
{
	static const char *const words[] = { "function", "tool", "call" };
	enum judged judged = JUDGED_NO;

	if (look->at == look->end)
		return JUDGED_MAYBE;
	if (!look_skip(look, "\""))
		return JUDGED_NO;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct look try = *look;
		enum judged one = judge_fixed(&try, words[i]);

		judged = one > judged ? one : judged;
	}
	return judged;
}

static enum judged judge_key(const struct printed *printed, const char *key, struct look look,
			     bool is_marked)
{
	static const char *const names[] = { "name",   "tool",          "tool_name",     "function",
					     "action", "function_name", "recipient_name" };
	static const char *const calls[] = { "arguments",  "parameters",    "tool_calls",
					     "tool_uses",  "function_call", "tool_call",
					     "tool_input", "tool_call_id" };
	const char *const words[] = { "type", "id" };

	if (!look_skip(&look, "\"") && !look_skip(&look, "'"))
		return JUDGED_NO;
	if (!skip_few_blanks(&look))
		return JUDGED_NO;
	if (look.at < look.end && !look_skip(&look, ":"))
		return JUDGED_NO;
	if (!skip_few_blanks(&look))
		return JUDGED_NO;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(key, names[i]) == 0)
			return judge_named(printed, &look);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(key, calls[i]) == 0)
			return JUDGED_YES;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(key, words[i]) == 0)
			return judge_word(&look);
	return is_marked && printed_tool(printed, key) ? JUDGED_YES : JUDGED_NO;
}

/* The first key of an object says whether it can be a call. */
static enum judged judge_object(const struct printed *printed, struct look look, bool is_marked)
{
	char key[PRINTED_NAME_BYTES];

	look.at++;
	if (!skip_few_blanks(&look))
		return JUDGED_NO;
	if (look.at == look.end)
		return JUDGED_MAYBE;
	if (!look_skip(&look, "\"") && !look_skip(&look, "'"))
		return JUDGED_NO;
	if (!look_word(&look, key, sizeof(key)))
		return JUDGED_NO;
	return look.at == look.end ? JUDGED_MAYBE : judge_key(printed, key, look, is_marked);
}

static enum judged judge_list(const struct printed *printed, struct look look, bool is_marked)
{
	enum judged judged;

	look.at++;
	if (!skip_few_blanks(&look))
		return JUDGED_NO;
	if (look.at == look.end)
		return JUDGED_MAYBE;
	if (*look.at == '{')
		return judge_object(printed, look, is_marked);
	judged = judge_name(printed, &look);
	return judged == JUDGED_YES && *look.at != '(' ? JUDGED_NO : judged;
}

/* The mark is whole: what it is, and what has to follow. */
static enum judged judge_mark(const struct printed *printed, const struct mark *mark,
			      struct look look, unsigned depth)
{
	static const char commentary[] = "commentary to=";

	look.at = mark->end;
	switch (mark_kind_of(mark)) {
	case MARK_CHANNEL:
		return strcmp(mark->word, "channel") == 0 ? judge_fixed(&look, commentary)
							  : JUDGED_NO;
	case MARK_AROUND:
	case MARK_ELEMENT:
		if (mark->closes)
			return JUDGED_NO;
		if (mark->name[0])
			return printed_tool(printed, mark->name) ? JUDGED_YES : JUDGED_NO;
		if (mark_kind_of(mark) == MARK_ELEMENT || depth == MARKS_DEEP_MAX)
			return JUDGED_NO;
		return judge_body(printed, look, depth + 1, true);
	case MARK_OTHER:
		break;
	case MARK_SEPARATOR:
	case MARK_ENDING:
		return JUDGED_NO;
	}
	if (depth > 0 && (strcmp(mark->word, "name") == 0 || strcmp(mark->word, "tool_name") == 0 ||
			  strcmp(mark->word, "function_name") == 0)) {
		look_skip_blanks(&look);
		return judge_name(printed, &look);
	}
	if (mark->closes || !printed_tool(printed, mark->word) || !skip_few_blanks(&look))
		return JUDGED_NO;
	if (look.at == look.end)
		return JUDGED_MAYBE;
	return *look.at == '<' ? JUDGED_YES : JUDGED_NO;
}

static enum judged judge_marked(const struct printed *printed, struct look look, unsigned depth)
{
	struct mark mark;

	switch (mark_read(look.at, look.end, &mark)) {
	case READ_OK:
		return judge_mark(printed, &mark, look, depth);
	case READ_CUT:
		return mark_may_begin(printed, look.at, look.end) ? JUDGED_MAYBE : JUDGED_NO;
	case READ_BAD:
		break;
	}
	return JUDGED_NO;
}

/* ``` or ```json, a new line, and a call. */
static enum judged judge_fence(const struct printed *printed, struct look look)
{
	const char *from;
	enum judged judged = judge_fixed(&look, "```");

	if (judged != JUDGED_YES)
		return judged;
	from = look.at;
	while (look.at < look.end && (isalnum((unsigned char)*look.at) || *look.at == '_'))
		look.at++;
	if (look.at - from > INFO_BYTES_MAX)
		return JUDGED_NO;
	if (look.at == look.end)
		return JUDGED_MAYBE;
	return *look.at == '\n' ? judge_body(printed, look, 1, false) : JUDGED_NO;
}

/* Behind a mark or at the beginning of a fence: a name, or a word that announces one. */
static enum judged judge_plain(const struct printed *printed, struct look look, bool is_marked)
{
	static const char *const fronts[] = { "call:", "print(", "function<" };
	enum judged judged = JUDGED_NO;

	for (size_t i = 0; i < sizeof(fronts) / sizeof(fronts[0]); i++) {
		struct look try = look;
		enum judged one = judge_fixed(&try, fronts[i]);

		if (one == JUDGED_YES && i < 2)
			return judge_name(printed, &try);
		judged = one > judged ? one : judged;
	}
	if (judged == JUDGED_YES)
		return judged;
	judged = judge_name(printed, &look);
	return judged == JUDGED_YES && !is_marked && *look.at != '(' ? JUDGED_NO : judged;
}

static enum judged judge_body(const struct printed *printed, struct look look, unsigned depth,
			      bool is_marked)
{
	enum judged judged;

	if (!skip_few_blanks(&look))
		return JUDGED_NO;
	if (look.at == look.end)
		return JUDGED_MAYBE;
	switch (*look.at) {
	case '{':
		return judge_object(printed, look, is_marked);
	case '<':
		return judge_marked(printed, look, depth);
	case '`':
		return is_marked ? judge_fence(printed, look) : JUDGED_NO;
	case '[':
		judged = judge_marked(printed, look, depth);
		return judged != JUDGED_NO ? judged : judge_list(printed, look, is_marked);
	default:
		return judge_plain(printed, look, is_marked);
	}
}

/* Action: NAME, or Action: and JSON. */
static enum judged judge_action(const struct printed *printed, struct look look)
{
	enum judged judged = judge_fixed(&look, "Action:");

	if (judged != JUDGED_YES)
		return judged;
	if (!skip_few_blanks(&look))
		return JUDGED_NO;
	if (look.at == look.end)
		return JUDGED_MAYBE;
	if (*look.at == '`')
		return judge_fence(printed, look);
	if (*look.at == '{')
		return judge_object(printed, look, false);
	judged = judge_name(printed, &look);
	return judged == JUDGED_YES && *look.at != '\n' ? JUDGED_NO : judged;
}

static enum judged judge_prompt(const struct printed *printed, struct look look)
{
	enum judged judged = judge_fixed(&look, ">>>");

	if (judged == JUDGED_YES)
		judged = judge_name(printed, &look);
	return judged == JUDGED_YES && *look.at != '\n' ? JUDGED_NO : judged;
}

enum judged printed_judge(const struct printed *printed, const struct judge_place *place,
			  const char *at, size_t length)
{
	struct look look = { at, at + length };
	enum judged judged;

	switch (*at) {
	case '<':
		return judge_marked(printed, look, 0);
	case '[':
		judged = judge_marked(printed, look, 0);
		if (judged == JUDGED_NO && place->at_line_start)
			judged = judge_list(printed, look, false);
		return judged;
	case '{':
		return place->at_line_start ? judge_object(printed, look, false) : JUDGED_NO;
	case '`':
		return place->at_start ? judge_fence(printed, look) : JUDGED_NO;
	case 'A':
		return place->at_line_start ? judge_action(printed, look) : JUDGED_NO;
	case '>':
		return place->at_start ? judge_prompt(printed, look) : JUDGED_NO;
	default:
		return JUDGED_NO;
	}
}
