/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/printed-internal.h"

#include "l6-agent/tool.h"

#include <string.h>

enum { TRIED_AGAIN_MAX = 32 /* more would take time that grows with the square */ };

void printed_calls_free(struct printed_call *calls, size_t n_calls)
{
	for (size_t i = 0; i < n_calls; i++)
		free(calls[i].arguments);
	free(calls);
}

void printed_init(struct printed *printed, const struct tool *const *tools, size_t n_tools,
		  size_t held_max)
{
	*printed = (struct printed){
		.tools = tools, .n_tools = n_tools, .run = BUF(held_max), .held = BUF(held_max)
	};
	code_watch_init(&printed->code);
}

void printed_fini(struct printed *printed)
{
	buf_free(&printed->run);
	buf_free(&printed->held);
}

/* Letters in any case, "-" for "_". name is the tool's: lower case. */
static bool is_same_letter(char written, char name)
{
	if (written == '-')
		written = '_';
	return written == name || (written >= 'A' && written <= 'Z' && written - 'A' + 'a' == name);
}

static bool is_same_name(const char *written, const char *name)
{
	while (*written && is_same_letter(*written, *name)) {
		written++;
		name++;
	}
	return *written == *name;
}

static const struct tool *find(const struct printed *printed, const char *name)
{
	for (size_t i = 0; i < printed->n_tools; i++)
		if (is_same_name(name, printed->tools[i]->name))
			return printed->tools[i];
	return NULL;
}

const struct tool *printed_tool(const struct printed *printed, const char *name)
{
	const struct tool *tool = find(printed, name);
	char bare[PRINTED_NAME_BYTES];
	size_t n = strcspn(name, "<(: \t\r\n");
	char *dot;

	if (tool || n == 0 || n >= sizeof(bare))
		return tool;
	memcpy(bare, name, n);
	bare[n] = '\0';
	if (n > 5 && strcmp(bare + n - 5, ".call") == 0)
		bare[n - 5] = '\0';
	dot = strrchr(bare, '.');
	if (!dot)
		dot = strrchr(bare, '/');
	return find(printed, dot ? dot + 1 : bare);
}

static int give_out(struct printed *printed)
{
	int r = 0;

	if (printed->run.length > 0)
		r = printed->on_text(printed->run.data, printed->run.length, printed->userdata);
	buf_truncate(&printed->run, 0);
	return r;
}

static int take_plain(struct printed *printed, char c)
{
	code_watch_take(&printed->code, c);
	printed->has_text |= !isspace((unsigned char)c);
	return buf_add_char(&printed->run, c);
}

/* A fence counts as the beginning of a call only where the whole message is one. */
static bool may_begin(const struct printed *printed, char c)
{
	if (c == '`')
		return !printed->has_text;
	return c && strchr("<[{A>", c) && !code_watch_is_inside(&printed->code);
}

static int take(struct printed *printed, char c);

/* What is tried is no call: its first byte is text, a short rest is looked at again. */
static int release_tried(struct printed *printed)
{
	char tried[PRINTED_TRIED_BYTES];
	size_t n = printed->n_tried;
	int r;

	memcpy(tried, printed->tried, n);
	printed->n_tried = 0;
	r = take_plain(printed, tried[0]);
	for (size_t i = 1; i < n && r >= 0; i++)
		r = n > TRIED_AGAIN_MAX ? take_plain(printed, tried[i]) : take(printed, tried[i]);
	return r;
}

static int hold_tried(struct printed *printed)
{
	int r = buf_add(&printed->held, printed->tried, printed->n_tried);

	printed->n_tried = 0;
	printed->is_holding = true;
	return r;
}

static int take(struct printed *printed, char c)
{
	struct judge_place place;

	if (printed->is_holding)
		return buf_add_char(&printed->held, c);
	code_watch_settle(&printed->code, c);
	if (printed->n_tried == 0 && !may_begin(printed, c))
		return take_plain(printed, c);
	printed->tried[printed->n_tried++] = c;
	place = (struct judge_place){ .at_start = !printed->has_text,
				      .at_line_start = printed->code.at_line_start };
	switch (printed_judge(printed, &place, printed->tried, printed->n_tried)) {
	case JUDGED_YES:
		return hold_tried(printed);
	case JUDGED_MAYBE:
		if (printed->n_tried < sizeof(printed->tried))
			return 0;
		break;
	case JUDGED_NO:
		break;
	}
	return release_tried(printed);
}

/* How many bytes at the front can neither begin a call nor code. */
static size_t plain_length(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && text[n] != '<' && text[n] != '[' && text[n] != '{' && text[n] != 'A' &&
	       text[n] != '>' && text[n] != '`' && text[n] != '~' && text[n] != '\n')
		n++;
	return n;
}

static int take_span(struct printed *printed, const char *text, size_t length)
{
	code_watch_take_span(&printed->code, text, length);
	for (size_t i = 0; i < length && !printed->has_text; i++)
		printed->has_text = !isspace((unsigned char)text[i]);
	return buf_add(&printed->run, text, length);
}

int printed_feed(struct printed *printed, const char *text, size_t length)
{
	size_t i = 0;
	int r = 0;

	while (i < length && r >= 0 && !printed->is_holding) {
		size_t n = printed->n_tried == 0 ? plain_length(text + i, length - i) : 0;

		r = n > 0 ? take_span(printed, text + i, n) : take(printed, text[i]);
		i += n > 0 ? n : 1;
	}
	if (r >= 0 && printed->is_holding)
		r = buf_add(&printed->held, text + i, length - i);
	return r < 0 ? r : give_out(printed);
}

int printed_finish(struct printed *printed, struct printed_call **ret, size_t *ret_n)
{
	struct parse parse = { .printed = printed };
	int r = printed->n_tried > 0 ? hold_tried(printed) : 0;

	*ret = NULL;
	*ret_n = 0;
	if (r < 0 || !printed->is_holding)
		return r;
	parse.look = (struct look){ printed->held.data, printed->held.data + printed->held.length };
	r = parse_segment(&parse);
	if (r != READ_OK) {
		printed_calls_free(parse.calls, parse.n_calls);
		return r < 0 ? r : 0;
	}
	*ret = parse.calls;
	*ret_n = parse.n_calls;
	return 0;
}

int printed_release(struct printed *printed)
{
	int r = 0;

	if (printed->held.length > 0)
		r = printed->on_text(printed->held.data, printed->held.length, printed->userdata);
	printed_drop(printed);
	return r;
}

void printed_drop(struct printed *printed)
{
	buf_free(&printed->held);
	printed->is_holding = false;
	printed->n_tried = 0;
}
