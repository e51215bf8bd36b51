/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * regex-set - the characters of a set, as sorted ranges at the end of the tree's ranges (L5).
 */
#include "l5-wasm/regex-internal.h"

void regex_add_range(struct regex_tree *tree, uint32_t low, uint32_t high)
{
	if (tree->n_ranges == REGEX_RANGES_MAX) {
		tree->no_room = true;
		return;
	}
	tree->ranges[tree->n_ranges++] = (struct regex_range){ low, high };
}

static int by_low(const void *a, const void *b)
{
	const struct regex_range *left = a, *right = b;

	return left->low < right->low ? -1 : left->low > right->low;
}

/* The same letters in the other case: ASCII, Latin-1, Greek, Cyrillic. */
static void add_other_case(struct regex_tree *tree, struct regex_range range)
{
	static const struct {
		uint32_t low, high, distance; /* capitals, and how far their small letters are */
	} alphabets[] = {
		{ 'A', 'Z', 32 },     { 0xC0, 0xD6, 32 },   { 0xD8, 0xDE, 32 },
		{ 0x391, 0x3A1, 32 }, { 0x3A3, 0x3A9, 32 }, { 0x400, 0x40F, 80 },
		{ 0x410, 0x42F, 32 },
	};

	for (size_t i = 0; i < sizeof(alphabets) / sizeof(alphabets[0]); i++) {
		uint32_t d = alphabets[i].distance;
		uint32_t low = range.low > alphabets[i].low ? range.low : alphabets[i].low;
		uint32_t high = range.high < alphabets[i].high ? range.high : alphabets[i].high;

		if (low <= high)
			regex_add_range(tree, low + d, high + d);
		low = range.low > alphabets[i].low + d ? range.low : alphabets[i].low + d;
		high = range.high < alphabets[i].high + d ? range.high : alphabets[i].high + d;
		if (low <= high)
			regex_add_range(tree, low - d, high - d);
	}
}

/* Sorts the ranges from first on and joins what overlaps. */
static void tidy(struct regex_tree *tree, uint32_t first)
{
	struct regex_range *ranges = tree->ranges + first;
	uint32_t n = tree->n_ranges - first, kept = 0;

	if (n == 0)
		return;
	qsort(ranges, n, sizeof(*ranges), by_low);
	for (uint32_t i = 1; i < n; i++) {
		if (ranges[i].low <= ranges[kept].high + 1) {
			if (ranges[i].high > ranges[kept].high)
				ranges[kept].high = ranges[i].high;
		} else {
			ranges[++kept] = ranges[i];
		}
	}
	tree->n_ranges = first + kept + 1;
}

/* Replaces the tidy ranges from first on by all others. */
static void negate(struct regex_tree *tree, uint32_t first)
{
	uint32_t n = tree->n_ranges, low = 0;

	for (uint32_t i = first; i < n; i++) {
		if (tree->ranges[i].low > low)
			regex_add_range(tree, low, tree->ranges[i].low - 1);
		low = tree->ranges[i].high + 1;
	}
	if (low <= REGEX_CODE_MAX)
		regex_add_range(tree, low, REGEX_CODE_MAX);
	memmove(tree->ranges + first, tree->ranges + n,
		(tree->n_ranges - n) * sizeof(*tree->ranges));
	tree->n_ranges -= n - first;
}

static void add_word(struct regex_tree *tree)
{
	regex_add_range(tree, 'a', 'z');
	regex_add_range(tree, 'A', 'Z');
	regex_add_range(tree, '0', '9');
	regex_add_range(tree, '_', '_');
	regex_add_range(tree, 0x80, REGEX_CODE_MAX);
}

static void add_space(struct regex_tree *tree)
{
	regex_add_range(tree, '\t', '\r');
	regex_add_range(tree, ' ', ' ');
}

/* \d \w \s and their opposites; false when c is none of them. */
bool regex_add_shorthand(struct regex_tree *tree, char c)
{
	uint32_t first = tree->n_ranges;

	switch (c) {
	case 'd':
	case 'D':
		regex_add_range(tree, '0', '9');
		break;
	case 'w':
	case 'W':
		add_word(tree);
		break;
	case 's':
	case 'S':
		add_space(tree);
		break;
	default:
		return false;
	}
	tidy(tree, first);
	if (isupper((unsigned char)c))
		negate(tree, first);
	return true;
}

size_t regex_add_posix(struct regex_tree *tree, const char *at, const char *end)
{
	static const struct {
		const char *name;
		const char *ranges; /* pairs */
	} classes[] = {
		{ ":alpha:]", "azAZ" },    { ":digit:]", "09" },       { ":alnum:]", "azAZ09" },
		{ ":upper:]", "AZ" },      { ":lower:]", "az" },       { ":space:]", "\t\r  " },
		{ ":blank:]", "\t\t  " },  { ":punct:]", "!/:@[`{~" }, { ":xdigit:]", "09afAF" },
		{ ":word:]", "azAZ09__" },
	};

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		size_t n = strlen(classes[i].name);

		if ((size_t)(end - at) < n || memcmp(at, classes[i].name, n) != 0)
			continue;
		for (const char *pair = classes[i].ranges; *pair != '\0'; pair += 2)
			regex_add_range(tree, (unsigned char)pair[0], (unsigned char)pair[1]);
		return n;
	}
	return 0;
}

void regex_set_finish(struct regex_tree *tree, uint32_t first, bool negated, bool ignore_case)
{
	if (ignore_case)
		for (uint32_t i = first, n = tree->n_ranges; i < n; i++)
			add_other_case(tree, tree->ranges[i]);
	tidy(tree, first);
	if (negated)
		negate(tree, first);
}
