/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/leak-find.h"

#include <endian.h>
#include <string.h>
#include <strings.h>

enum {
	CHECKED_MAX = 64, /* characters a check looks at */
	DIFFERENT_MIN = 6,
	WORD_MAX = 16,
	ANCHOR_MAX = 64,
	PEM_BODY_MIN = 32,
	PEM_FOOT_MAX = 64,
};

static const char foot_mark[] = "-----END", foot_end[] = "-----";
enum { FOOT_MARK = sizeof(foot_mark) - 1, FOOT_END = sizeof(foot_end) - 1 };

void leak_finder_init(struct leak_finder *finder, const char *text, size_t length, bool is_whole)
{
	*finder = (struct leak_finder){ .text = text, .length = length, .is_whole = is_whole };
}

static uint32_t classes_of(char c)
{
	return leak_classes[(unsigned char)c];
}

static bool holds_example(const char *text, size_t length)
{
	for (const char *const *part = leak_example_parts; *part; part++) {
		size_t n = strlen(*part);

		for (size_t i = 0; i + n <= length; i++)
			if (strncasecmp(text + i, *part, n) == 0)
				return true;
	}
	return false;
}

static bool is_mixed(const char *text, size_t length)
{
	bool has_digit = false, has_letter = false;
	unsigned different = 0;
	uint64_t seen[4] = { 0 };

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];
		uint64_t bit = UINT64_C(1) << (c & 63);

		if (c >= '0' && c <= '9')
			has_digit = true;
		else if (classes_of(text[i]) & LEAK_CLASS('a') && (c | 0x20) != 'e')
			has_letter =
				true; /* of more than a number: what is replaced in JSON is text */
		different += !(seen[c >> 6] & bit);
		seen[c >> 6] |= bit;
	}
	return has_digit && has_letter && different >= DIFFERENT_MIN &&
	       !holds_example(text, length);
}

static bool is_filled(const char *text, size_t length)
{
	for (const char *const *word = leak_example_words; *word; word++)
		if (strlen(*word) == length && strncasecmp(text, *word, length) == 0)
			return false;
	return true;
}

bool leak_check_holds(enum leak_check check, const char *text, size_t length)
{
	if (length > CHECKED_MAX)
		length = CHECKED_MAX;
	switch (check) {
	case LEAK_CHECK_NONE:
		return true;
	case LEAK_CHECK_MIXED:
		return is_mixed(text, length);
	case LEAK_CHECK_FILLED:
		return is_filled(text, length);
	}
	return false;
}

/* Where the run of a class that holds at ends. Candidates within one run share the answer. */
static size_t run_end(const struct leak_finder *finder, struct leak_run *known, uint32_t mask,
		      size_t at)
{
	struct leak_run *run = &known[__builtin_ctz(mask)];
	size_t end = at;

	if (at >= run->start && at < run->end)
		return run->end;
	while (end < finder->length && classes_of(finder->text[end]) & mask)
		end++;
	*run = (struct leak_run){ at, end };
	return end;
}

static enum leak_state not_yet(const struct leak_finder *finder)
{
	return finder->is_whole ? LEAK_NONE : LEAK_MORE;
}

static bool is_same(const struct leak_shape *shape, const char *text, const char *literal, size_t n)
{
	return shape->any_case ? strncasecmp(text, literal, n) == 0 : memcmp(text, literal, n) == 0;
}

/* The first foot of a PEM block that begins and ends between these, or to. */
static size_t find_foot(struct leak_finder *finder, size_t from, size_t to)
{
	size_t at = from;
	const char *found;

	if (from >= finder->foot.start && from < finder->foot.end)
		at = finder->foot.end;
	if (at + FOOT_MARK > to)
		return to;
	found = memmem(finder->text + at, to - at, foot_mark, FOOT_MARK);
	finder->foot.start = from;
	finder->foot.end = found ? (size_t)(found - finder->text) : to - FOOT_MARK + 1;
	return found ? finder->foot.end : to;
}

static enum leak_state end_foot(const struct leak_finder *finder, size_t foot, size_t *ret)
{
	size_t left = finder->length - foot, from = foot + FOOT_MARK;
	size_t to = left < PEM_FOOT_MAX ? finder->length : foot + PEM_FOOT_MAX;
	const char *found = memmem(finder->text + from, to - from, foot_end, FOOT_END);

	if (!found && left < PEM_FOOT_MAX && !finder->is_whole)
		return LEAK_MORE;
	*ret = found ? (size_t)(found - finder->text) + FOOT_END : foot;
	return LEAK_FOUND;
}

/* A block up to its last line; one that is cut up to the end of its lines. */
static enum leak_state read_pem(struct leak_finder *finder, size_t at, size_t *ret)
{
	size_t end = run_end(finder, finder->later_runs, LEAK_CLASS('m'), at);
	size_t to = end - at < LEAK_PEM_MAX ? end : at + LEAK_PEM_MAX;
	size_t foot = find_foot(finder, at, to);

	if (foot < to) {
		if (foot - at < PEM_BODY_MIN ||
		    !leak_check_holds(LEAK_CHECK_MIXED, finder->text + at, foot - at))
			return LEAK_NONE;
		return end_foot(finder, foot, ret);
	}
	if (end == finder->length && end - at < LEAK_PEM_MAX && !finder->is_whole)
		return LEAK_MORE;
	end = run_end(finder, finder->later_runs, LEAK_CLASS('p'), at);
	if (end > to)
		end = to;
	if (end - at < PEM_BODY_MIN ||
	    !leak_check_holds(LEAK_CHECK_MIXED, finder->text + at, end - at))
		return LEAK_NONE;
	*ret = end;
	return LEAK_FOUND;
}

static enum leak_state read_part(struct leak_finder *finder, const struct leak_shape *shape,
				 size_t i, size_t at, size_t *ret)
{
	const struct leak_part *part = &shape->parts[i];
	size_t left = finder->length - at, n;

	if (part->is_pem)
		return read_pem(finder, at, ret);
	if (part->literal) {
		n = part->length < left ? part->length : left;
		if (!is_same(shape, finder->text + at, part->literal, n))
			return LEAK_NONE;
		*ret = at + n;
		return n < part->length ? not_yet(finder) : LEAK_FOUND;
	}
	*ret = run_end(finder,
		       i == (size_t)shape->anchor + 1 ? finder->first_runs : finder->later_runs,
		       part->mask, at);
	n = *ret - at;
	if (n > part->max)
		return LEAK_NONE;
	if (*ret == finder->length && !finder->is_whole)
		return LEAK_MORE;
	return n < part->min ? LEAK_NONE : LEAK_FOUND;
}

static bool may_begin(const struct leak_finder *finder, const struct leak_shape *shape, size_t at)
{
	char before = at > 0 ? finder->text[at - 1] : '\0';

	switch (shape->before) {
	case LEAK_BEFORE_ANY:
		return true;
	case LEAK_BEFORE_ALNUM:
		return !(classes_of(before) & LEAK_CLASS('w'));
	case LEAK_BEFORE_WORD:
		return !(classes_of(before) & LEAK_CLASS('u'));
	}
	return false;
}

/* Characters of the leading run in front of at, one more than may be when there are more. */
static size_t count_lead(const struct leak_finder *finder, const struct leak_shape *shape,
			 size_t at)
{
	const struct leak_part *part = &shape->parts[0];
	size_t n = 0;

	while (n < at && n <= part->max && classes_of(finder->text[at - n - 1]) & part->mask)
		n++;
	return n;
}

/* Is this shape here? Its anchor begins at at, nothing of it before from. */
static enum leak_state read_shape(struct leak_finder *finder, const struct leak_shape *shape,
				  size_t at, size_t from, struct leak_match *ret)
{
	size_t lead = shape->anchor ? count_lead(finder, shape, at) : 0, checked;
	struct leak_match match = { .shape = shape, .start = at - lead };

	if (shape->anchor &&
	    (lead < shape->parts[0].min || lead > shape->parts[0].max || at - lead < from))
		return LEAK_NONE;
	if (!may_begin(finder, shape, at - lead))
		return LEAK_NONE;
	if (finder->length - at < shape->parts[shape->anchor].length ||
	    !is_same(shape, finder->text + at, shape->parts[shape->anchor].literal,
		     shape->parts[shape->anchor].length))
		return LEAK_NONE;
	at += shape->parts[shape->anchor].length;
	checked = at;
	match.end = at;
	for (size_t i = shape->anchor + 1; i < shape->n_parts; i++) {
		enum leak_state state;

		if (i == shape->begin)
			match.start = checked = at;
		state = read_part(finder, shape, i, at, &at);
		if (state != LEAK_FOUND)
			return state;
		if (i < shape->end)
			match.end = at;
	}
	if (!leak_check_holds(shape->check, finder->text + checked, match.end - checked))
		return LEAK_NONE;
	*ret = match;
	return LEAK_FOUND;
}

static bool is_gram(uint32_t code)
{
	uint32_t bit = LEAK_GRAM_BIT(code & 0xFFFFFF);

	return leak_grams[bit >> 6] >> (bit & 63) & 1;
}

/* The next place from at on where an anchor may begin, or where fewer than LEAK_GRAM are left. */
static size_t next_gram(const struct leak_finder *finder, size_t at)
{
	const char *text = finder->text;
	uint32_t code;

	for (; at + sizeof(code) <= finder->length; at++) {
		memcpy(&code, text + at, sizeof(code));
		if (is_gram(le32toh(code)))
			return at;
	}
	for (; at + LEAK_GRAM <= finder->length; at++)
		if (is_gram((unsigned char)text[at] | (uint32_t)(unsigned char)text[at + 1] << 8 |
			    (uint32_t)(unsigned char)text[at + 2] << 16))
			return at;
	return at;
}

/* All shapes whose anchor begins here; LEAK_MORE when one of them is undecided. */
static enum leak_state read_here(struct leak_finder *finder, size_t at, size_t from,
				 struct leak_match *ret)
{
	unsigned char c = (unsigned char)finder->text[at];
	enum leak_state state = LEAK_NONE;
	struct leak_match match;

	for (size_t i = leak_first[c]; i < leak_first[c + 1]; i++) {
		switch (read_shape(finder, &leak_shapes[leak_by_first[i]], at, from, &match)) {
		case LEAK_MORE:
			return LEAK_MORE;
		case LEAK_FOUND:
			if (state == LEAK_NONE || match.end > ret->end)
				*ret = match;
			state = LEAK_FOUND;
			break;
		case LEAK_NONE:
			break;
		}
	}
	return state;
}

/* Behind "Bearer " may stand what has a better name. */
static enum leak_state name_better(struct leak_finder *finder, size_t at, struct leak_match *match)
{
	struct leak_match inner;
	enum leak_state state = LEAK_NONE;

	if (match->start > at)
		state = read_here(finder, match->start, match->start, &inner);
	if (state == LEAK_MORE)
		return LEAK_MORE;
	if (state == LEAK_FOUND && inner.start == match->start) {
		match->shape = inner.shape;
		if (inner.end > match->end)
			match->end = inner.end;
	}
	return LEAK_FOUND;
}

/* Where the digits in front of at begin, when they may be the front of a shape. */
static size_t lead_start(const struct leak_finder *finder, size_t at)
{
	size_t start = at;

	for (size_t i = 0; i < leak_shape_count; i++) {
		const struct leak_shape *shape = &leak_shapes[i];
		size_t n = shape->anchor ? count_lead(finder, shape, at) : 0;

		if (n > 0 && n <= shape->parts[0].max && at - n < start)
			start = at - n;
	}
	return start;
}

/* May the end of the text, from at, be the beginning of an anchor? */
static bool is_begun(const struct leak_finder *finder, size_t at, bool *ret_has_lead)
{
	unsigned char c = (unsigned char)finder->text[at];
	size_t n = finder->length - at;

	for (size_t i = leak_first[c]; i < leak_first[c + 1]; i++) {
		const struct leak_shape *shape = &leak_shapes[leak_by_first[i]];
		const struct leak_part *anchor = &shape->parts[shape->anchor];

		*ret_has_lead = shape->anchor > 0;
		if ((n < anchor->length || n < LEAK_GRAM) &&
		    (shape->anchor || may_begin(finder, shape, at)) &&
		    is_same(shape, finder->text + at, anchor->literal,
			    n < anchor->length ? n : anchor->length))
			return true;
	}
	return false;
}

/* What is undecided at the end of the text begins here, not behind at and not before from. */
static size_t undecided_from(const struct leak_finder *finder, size_t from, size_t at)
{
	size_t i = finder->length > ANCHOR_MAX ? finder->length - ANCHOR_MAX : 0;
	size_t start = lead_start(finder, at);
	bool has_lead;

	for (i = i > from ? i : from; i < start; i++)
		if (is_begun(finder, i, &has_lead)) {
			start = has_lead ? lead_start(finder, i) : i;
			break;
		}
	return start > from ? start : from;
}

enum leak_state leak_find(struct leak_finder *finder, size_t from, struct leak_match *ret)
{
	for (size_t at = next_gram(finder, from); at + LEAK_GRAM <= finder->length;
	     at = next_gram(finder, at + 1)) {
		enum leak_state state = read_here(finder, at, from, ret);
		if (state == LEAK_FOUND)
			state = name_better(finder, at, ret);
		if (state == LEAK_MORE)
			ret->start = undecided_from(finder, from, at);
		if (state != LEAK_NONE)
			return state;
	}
	if (finder->is_whole)
		return LEAK_NONE;
	ret->start = undecided_from(finder, from, finder->length);
	return LEAK_MORE;
}
