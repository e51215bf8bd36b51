/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* printed-mark - the marks around printed calls, in all their spellings (L6). */
#include "l6-agent/printed-internal.h"

#include "l6-agent/tool.h"

#include <string.h>

static const struct {
	const char *word;
	enum mark_kind kind;
} words[] = {
	{ "tool_call", MARK_AROUND },
	{ "tool_calls", MARK_AROUND },
	{ "toolcall", MARK_AROUND },
	{ "toolcalls", MARK_AROUND },
	{ "tool_use", MARK_AROUND },
	{ "tool_uses", MARK_AROUND },
	{ "tool_code", MARK_AROUND },
	{ "tool_request", MARK_AROUND },
	{ "end_tool_request", MARK_AROUND },
	{ "tool", MARK_AROUND },
	{ "tools", MARK_AROUND },
	{ "use_tool", MARK_AROUND },
	{ "function_call", MARK_AROUND },
	{ "function_calls", MARK_AROUND },
	{ "functioncall", MARK_AROUND },
	{ "functioncalls", MARK_AROUND },
	{ "start_function_call", MARK_AROUND },
	{ "end_function_call", MARK_AROUND },
	{ "tool_call_start", MARK_AROUND },
	{ "tool_call_begin", MARK_AROUND },
	{ "tool_call_end", MARK_AROUND },
	{ "tool_calls_begin", MARK_AROUND },
	{ "tool_calls_start", MARK_AROUND },
	{ "tool_calls_end", MARK_AROUND },
	{ "tool_calls_section_begin", MARK_AROUND },
	{ "tool_calls_section_end", MARK_AROUND },
	{ "tools_prefix", MARK_AROUND },
	{ "tools_suffix", MARK_AROUND },
	{ "python_tag", MARK_AROUND },
	{ "action_start", MARK_AROUND },
	{ "action_end", MARK_AROUND },
	{ "start_action", MARK_AROUND },
	{ "end_action", MARK_AROUND },
	{ "plugin", MARK_AROUND },
	{ "invoke", MARK_ELEMENT },
	{ "function", MARK_ELEMENT },
	{ "tool_sep", MARK_SEPARATOR },
	{ "tool_call_argument_begin", MARK_SEPARATOR },
	{ "args", MARK_SEPARATOR },
	{ "call_id", MARK_SEPARATOR },
	{ "channel", MARK_CHANNEL },
	{ "constrain", MARK_CHANNEL },
	{ "message", MARK_CHANNEL },
	{ "start", MARK_CHANNEL },
	{ "call", MARK_ENDING },
	{ "end", MARK_ENDING },
	{ "return", MARK_ENDING },
	{ "im_end", MARK_ENDING },
	{ "eot_id", MARK_ENDING },
	{ "eom_id", MARK_ENDING },
	{ "end_of_turn", MARK_ENDING },
	{ "end_of_text", MARK_ENDING },
	{ "endoftext", MARK_ENDING },
	{ "end_of_sentence", MARK_ENDING },
	{ "eos", MARK_ENDING },
	{ "s", MARK_ENDING },
};

enum { N_WORDS = sizeof(words) / sizeof(words[0]) };

static const char *const bars[] = { "|", "\xEF\xBD\x9C", "\xE2\x80\x96" };
static const char low_bar[] = "\xE2\x96\x81"; /* in DeepSeek's tokens, for _ */

/* Passes over bars and blanks; true when there was a bar. */
static bool skip_bars(struct look *look)
{
	bool any = false, again = true;

	while (again && look->at < look->end) {
		again = *look->at == ' ';
		look->at += again ? 1 : 0;
		for (size_t i = 0; !again && i < sizeof(bars) / sizeof(bars[0]); i++)
			any |= again = look_skip(look, bars[i]);
	}
	return any;
}

/* The next byte of a word; 0 when it has ended. */
static char word_byte(struct look *look)
{
	char c = look_peek(look);

	if (look_skip(look, low_bar))
		return '_';
	if (!isalnum((unsigned char)c) && c != '_' && c != '-')
		return '\0';
	look->at++;
	return (char)tolower((unsigned char)c);
}

static bool read_word(struct look *look, char ret[static PRINTED_WORD_BYTES])
{
	size_t n = 0;
	char c;

	while ((c = word_byte(look))) {
		if (n + 1 == PRINTED_WORD_BYTES)
			return false;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return n > 0;
}

/* The value of =x or name="x"; of several attributes the one called name counts. */
static bool read_name(struct look *look, char ret[static PRINTED_NAME_BYTES])
{
	const char *at = look->at, *end = look->end, *name;
	size_t n = 0;
	char quote;

	if (at < end && *at == '=') {
		at++;
	} else {
		name = memmem(at, (size_t)(end - at), "name=", 5);
		if (!name)
			return true;
		at = name + 5;
	}
	quote = '\0';
	if (at < end && (*at == '"' || *at == '\''))
		quote = *at++;
	while (at < end && *at != quote && (quote || *at != ' ') && n + 1 < PRINTED_NAME_BYTES)
		ret[n++] = *at++;
	ret[n] = '\0';
	return at == end || *at == quote || *at == ' ';
}

static bool read_inside(struct look *look, struct mark *ret)
{
	bool bar_before, bar_behind, slash = look_skip(look, "/");

	bar_before = skip_bars(look);
	slash |= look_skip(look, "/");
	if (!read_word(look, ret->word))
		return false;
	while (look->at < look->end &&
	       (*look->at == ':' || (strcmp(ret->word, "dsml") == 0 && skip_bars(look)))) {
		(void)look_skip(look, ":");
		if (!read_word(look, ret->word)) /* what stood in front is a namespace */
			return false;
	}
	if (!read_name(look, ret->name))
		return false;
	look->at = look->end - 1; /* only whether a bar is last matters now */
	while (look->at > ret->end && ((unsigned char)*look->at & 0xC0) == 0x80)
		look->at--;
	bar_behind = skip_bars(look);
	ret->closes = slash || (bar_behind && !bar_before);
	return true;
}

/* [WORD] in capitals; a name never stands in brackets. */
static bool read_brackets(struct look *look, struct mark *ret)
{
	bool slash = look_skip(look, "/");

	for (const char *at = look->at; at < look->end; at++)
		if (!isupper((unsigned char)*at) && *at != '_')
			return false;
	ret->closes = slash;
	return read_word(look, ret->word) && look->at == look->end;
}

enum reading mark_read(const char *at, const char *end, struct mark *ret)
{
	const char *from = at;
	size_t most = (size_t)(end - at) < PRINTED_MARK_BYTES_MAX ? (size_t)(end - at)
								  : PRINTED_MARK_BYTES_MAX;
	struct look inside;
	char closing = '>';

	if (at == end || (*at != '<' && *at != '['))
		return READ_BAD;
	if (*at == '[')
		closing = ']';
	*ret = (struct mark){ 0 };
	inside = (struct look){ at + 1, memchr(at, closing, most) };
	if (!inside.end)
		return most < PRINTED_MARK_BYTES_MAX ? READ_CUT : READ_BAD;
	ret->end = inside.at;
	if (memchr(from, '\n', (size_t)(inside.end - from)) || inside.at == inside.end)
		return READ_BAD;
	if (closing == '>' ? !read_inside(&inside, ret) : !read_brackets(&inside, ret))
		return READ_BAD;
	ret->end = memchr(at, closing, most);
	ret->end++;
	return READ_OK;
}

enum mark_kind mark_kind_of(const struct mark *mark)
{
	for (size_t i = 0; i < N_WORDS; i++)
		if (words[i].word[0] == mark->word[0] && strcmp(words[i].word, mark->word) == 0)
			return words[i].kind;
	return MARK_OTHER;
}

static bool begins(const char *word, const char *front, size_t length, bool exactly)
{
	return word[0] == (char)tolower((unsigned char)front[0]) &&
	       strncasecmp(word, front, length) == 0 && (!exactly || word[length] == '\0');
}

bool mark_may_begin(const struct printed *printed, const char *at, const char *end)
{
	static const char *const others[] = { "antml", "minimax", "steptml",   "seed",
					      "dsml",  "name",    "tool_name", "function_name" };
	struct look look = { at + 1, end };
	char word[PRINTED_WORD_BYTES];
	bool is_whole;

	if (memchr(at, '\n', (size_t)(end - at)))
		return false;
	(void)look_skip(&look, "/");
	(void)skip_bars(&look);
	if (look.at == end || (((unsigned char)*look.at & 0xC0) == 0xC0 && end - look.at < 3))
		return true; /* perhaps a bar whose bytes are not all there */
	if (!read_word(&look, word))
		return false;
	if (look.at < end && (*look.at == ':' || strcmp(word, "dsml") == 0))
		return true;
	is_whole = look.at < end;
	for (size_t i = 0; i < N_WORDS; i++)
		if (begins(words[i].word, word, strlen(word), is_whole))
			return true;
	for (size_t i = 0; i < printed->n_tools; i++)
		if (begins(printed->tools[i]->name, word, strlen(word), is_whole))
			return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (begins(others[i], word, strlen(word), is_whole))
			return true;
	return false;
}
