/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/think-split.h"

#include <assert.h>
#include <string.h>

enum { FENCE_MARKS_MIN = 3 };

static const struct {
	const char *open, *close;
} tags[] = {
	{ "<think>", "</think>" },
	{ "<thinking>", "</thinking>" },
	{ "<thought>", "</thought>" },
	{ "<seed:think>", "</seed:think>" },
	{ "[THINK]", "[/THINK]" },
	{ "\xE2\x97\x81think\xE2\x96\xB7", "\xE2\x97\x81/think\xE2\x96\xB7" },
	{ "<|begin_of_thought|>", "<|end_of_thought|>" },
};

enum match { MATCH_NONE, MATCH_PREFIX, MATCH_OPEN, MATCH_CLOSE };

static enum match match_one(const char *tag, const struct think_split *split, enum match whole)
{
	if (strncasecmp(tag, split->held, split->n_held) != 0)
		return MATCH_NONE;
	return strlen(tag) == split->n_held ? whole : MATCH_PREFIX;
}

static enum match match_held(const struct think_split *split)
{
	enum match best = MATCH_NONE;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		enum match open = match_one(tags[i].open, split, MATCH_OPEN);
		enum match close = match_one(tags[i].close, split, MATCH_CLOSE);

		best = open > best ? open : best;
		best = close > best ? close : best;
	}
	return best;
}

void think_split_init(struct think_split *split, size_t piece_max, const struct think_sink *sink)
{
	*split = (struct think_split){ .sink = sink, .run = BUF(piece_max), .at_line_start = true };
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

/* A run of ` or ~ is over: it opens or closes a fence or a code span. */
static void end_marks(struct think_split *split)
{
	size_t n = split->marks;

	split->marks = 0;
	if (split->fence) {
		if (split->marks_at_start && split->mark == split->fence &&
		    n >= split->fence_length)
			split->fence = 0;
	} else if (split->marks_at_start && n >= FENCE_MARKS_MIN) {
		split->fence = split->mark;
		split->fence_length = n;
		split->span_length = 0;
	} else if (split->mark == '`') {
		if (split->span_length == 0)
			split->span_length = n;
		else if (split->span_length == n)
			split->span_length = 0;
	}
}

static void watch_code(struct think_split *split, char c)
{
	bool is_mark = c == '`' || c == '~';

	if (split->marks > 0 && (!is_mark || c != split->mark))
		end_marks(split);
	if (is_mark) {
		if (split->marks++ == 0)
			split->marks_at_start = split->at_line_start;
		split->mark = c;
	}
	if (c == '\n')
		split->span_length = 0; /* a stray ` must not hide tags for the rest of the text */
	split->at_line_start = c == '\n' || (split->at_line_start && (c == ' ' || c == '\t'));
}

static bool in_code(const struct think_split *split)
{
	return split->fence || split->span_length > 0 || split->marks > 0;
}

static int take_plain(struct think_split *split, char c)
{
	if (split->skip_space && (c == '\n' || c == '\r' || c == ' '))
		return 0;
	split->skip_space = false;
	if (!split->thinking)
		watch_code(split, c);
	return buf_add_char(&split->run, c);
}

static int take_tag(struct think_split *split, enum match match)
{
	int r = give_out(split);

	if (match == MATCH_CLOSE && !split->thinking && !split->had_tag)
		split->sink->on_stray_close(split->sink->userdata);
	split->had_tag = true;
	split->thinking = match == MATCH_OPEN;
	split->skip_space = true;
	split->n_held = 0;
	split->at_line_start = true;
	return r;
}

static bool may_start_tag(const struct think_split *split, char c)
{
	if (c != '<' && c != '[' && c != '\xE2')
		return false;
	return split->thinking || !in_code(split);
}

/* What is held is no tag: its first byte is plain, the rest is looked at again. */
static int release_held(struct think_split *split);

static int take(struct think_split *split, char c)
{
	enum match match;

	if (!split->thinking && split->marks > 0 && c != split->mark)
		end_marks(split);
	if (split->n_held == 0 && !may_start_tag(split, c))
		return take_plain(split, c);
	assert(split->n_held < sizeof(split->held));
	split->held[split->n_held++] = c;
	match = match_held(split);
	if (match == MATCH_PREFIX)
		return 0;
	return match == MATCH_NONE ? release_held(split) : take_tag(split, match);
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

int think_split_feed(struct think_split *split, const char *text, size_t length)
{
	int r = 0;

	for (size_t i = 0; i < length && r >= 0; i++)
		r = take(split, text[i]);
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
