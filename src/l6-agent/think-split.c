/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/think-split.h"

#include <assert.h>
#include <string.h>

/* Where a tag counts: anywhere, also its end without a beginning; in pairs; in pairs at the very
 * beginning, because an answer may well hold an element of that name. */
enum tag_use { TAG_ALONE, TAG_PAIR, TAG_FIRST };

static const struct {
	const char *open, *close;
	enum tag_use use;
} tags[] = {
	{ "<think>", "</think>", TAG_ALONE },
	{ "<thinking>", "</thinking>", TAG_ALONE },
	{ "<thought>", "</thought>", TAG_ALONE },
	{ "<thoughts>", "</thoughts>", TAG_ALONE },
	{ "<antthinking>", "</antthinking>", TAG_ALONE },
	{ "<seed:think>", "</seed:think>", TAG_ALONE },
	{ "<mm:think>", "</mm:think>", TAG_ALONE },
	{ "[THINK]", "[/THINK]", TAG_ALONE },
	{ "\xE2\x97\x81think\xE2\x96\xB7", "\xE2\x97\x81/think\xE2\x96\xB7", TAG_ALONE },
	{ "<|begin_of_thought|>", "<|end_of_thought|>", TAG_ALONE },
	{ "<|start_thinking|>", "<|end_thinking|>", TAG_ALONE },
	{ "<|think|>", "<|/think|>", TAG_ALONE },
	{ "<|thinking|>", "<|/thinking|>", TAG_ALONE },
	{ "<reasoning>", "</reasoning>", TAG_FIRST },
	{ "<reflection>", "</reflection>", TAG_FIRST },
	{ "<scratchpad>", "</scratchpad>", TAG_FIRST },
	{ "<|channel|>analysis<|message|>", "<|end|>", TAG_PAIR },
	{ "<|channel>thought", "<channel|>", TAG_PAIR },
	{ "<unused94>thought", "<unused95>", TAG_PAIR },
};

enum { N_TAGS = sizeof(tags) / sizeof(tags[0]) };

/* What stands around an answer and says nothing. */
static const char *const silent[] = {
	"<|start|>assistant",
	"<|channel|>final<|message|>",
	"<|channel|>commentary<|message|>",
	"<|begin_of_solution|>",
	"<|end_of_solution|>",
	"<|start_response|>",
	"<|end_response|>",
	"<|return|>",
};

enum match { MATCH_NONE, MATCH_PREFIX, MATCH_SILENT, MATCH_OPEN, MATCH_CLOSE, MATCH_ALONE };

static enum match match_one(const char *tag, const struct think_split *split, enum match whole)
{
	if (strncasecmp(tag, split->held, split->n_held) != 0)
		return MATCH_NONE;
	return strlen(tag) == split->n_held ? whole : MATCH_PREFIX;
}

static enum match match_held(const struct think_split *split)
{
	enum match best = MATCH_NONE;

	for (size_t i = 0; i < N_TAGS; i++) {
		bool counts = tags[i].use != TAG_FIRST || split->thinking || !split->has_text;
		enum match open = counts ? match_one(tags[i].open, split, MATCH_OPEN) : MATCH_NONE;
		enum match close = match_one(tags[i].close, split,
					     tags[i].use == TAG_ALONE ? MATCH_ALONE : MATCH_CLOSE);

		best = open > best ? open : best;
		best = close > best ? close : best;
	}
	for (size_t i = 0; i < sizeof(silent) / sizeof(silent[0]); i++) {
		enum match quiet = match_one(silent[i], split, MATCH_SILENT);

		best = quiet > best ? quiet : best;
	}
	return best;
}

void think_split_init(struct think_split *split, size_t piece_max, const struct think_sink *sink)
{
	*split = (struct think_split){ .sink = sink, .run = BUF(piece_max) };
	code_watch_init(&split->code);
}

void think_split_fini(struct think_split *split)
{
	buf_free(&split->run);
}

static int give_out(struct think_split *split)
{
	int (*give)(const char *, size_t, void *) =
		split->thinking ? split->sink->on_thinking : split->sink->on_text;
	int r = 0;

	if (split->run.length > 0)
		r = give(split->run.data, split->run.length, split->sink->userdata);
	buf_truncate(&split->run, 0);
	return r;
}

static int take_plain(struct think_split *split, char c)
{
	if (split->skip_space && (c == '\n' || c == '\r' || c == ' '))
		return 0;
	split->skip_space = false;
	if (!split->thinking) {
		code_watch_take(&split->code, c);
		split->has_text = true;
	}
	return buf_add_char(&split->run, c);
}

/* A mark that closes nothing is text when it may mean something else. */
static bool is_text(const struct think_split *split, enum match match)
{
	if (match == MATCH_SILENT)
		return split->thinking;
	if (match != MATCH_CLOSE)
		return false;
	return !split->thinking || match_one(tags[split->opened].close, split, match) != match;
}

static int take_tag(struct think_split *split, enum match match)
{
	int r = give_out(split);

	if (match == MATCH_ALONE && !split->thinking && !split->had_tag)
		split->sink->on_stray_close(split->sink->userdata);
	for (size_t i = 0; match == MATCH_OPEN && !split->thinking && i < N_TAGS; i++)
		if (match_one(tags[i].open, split, match) == match)
			split->opened = i;
	split->n_held = 0;
	split->skip_space = true;
	split->code.at_line_start = true;
	if (match == MATCH_SILENT)
		return r;
	split->had_tag = true;
	split->thinking = match == MATCH_OPEN;
	return r;
}

static bool may_start_tag(const struct think_split *split, char c)
{
	if (c != '<' && c != '[' && c != '\xE2')
		return false;
	return split->thinking || !code_watch_is_inside(&split->code);
}

/* What is held is no tag: its first byte is plain, the rest is looked at again. */
static int release_held(struct think_split *split);

static int take(struct think_split *split, char c)
{
	enum match match;

	if (!split->thinking)
		code_watch_settle(&split->code, c);
	if (split->n_held == 0 && !may_start_tag(split, c))
		return take_plain(split, c);
	assert(split->n_held < sizeof(split->held));
	split->held[split->n_held++] = c;
	match = match_held(split);
	if (match == MATCH_PREFIX)
		return 0;
	return match == MATCH_NONE || is_text(split, match) ? release_held(split)
							    : take_tag(split, match);
}

static int release_held(struct think_split *split)
{
	char held[THINK_TAG_BYTES_MAX];
	size_t n = split->n_held;
	int r;

	memcpy(held, split->held, n);
	split->n_held = 0;
	r = take_plain(split, held[0]);
	for (size_t i = 1; i < n && r >= 0; i++)
		r = take(split, held[i]);
	return r;
}

/* How many bytes at the front can neither begin a tag nor code. */
static size_t plain_length(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && text[n] != '<' && text[n] != '[' && text[n] != '\xE2' &&
	       text[n] != '`' && text[n] != '~' && text[n] != '\n')
		n++;
	return n;
}

static int take_span(struct think_split *split, const char *text, size_t length)
{
	if (!split->thinking) {
		code_watch_take_span(&split->code, text, length);
		split->has_text = true;
	}
	return buf_add(&split->run, text, length);
}

int think_split_feed(struct think_split *split, const char *text, size_t length)
{
	size_t i = 0;
	int r = 0;

	while (i < length && r >= 0) {
		size_t n = split->n_held == 0 && !split->skip_space
				   ? plain_length(text + i, length - i)
				   : 0;

		r = n > 0 ? take_span(split, text + i, n) : take(split, text[i]);
		i += n > 0 ? n : 1;
	}
	return r < 0 ? r : give_out(split);
}

int think_split_finish(struct think_split *split)
{
	int r = 0;

	for (size_t i = 0; i < split->n_held && r >= 0; i++)
		r = take_plain(split, split->held[i]);
	split->n_held = 0;
	return r < 0 ? r : give_out(split);
}
