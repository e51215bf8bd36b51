/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/near-lines.h"

#include "base/utf8.h"

#include <stdbool.h>

enum {
	SHOWN_LINES_MAX = 12,
	SHOWN_LINE_BYTES = 160,
	NEAR_MAX = 3,        /* similar lines that are shown */
	COMPARED_BYTES = 80, /* of a line, without white space around it */
	COMPARED_LINES_MAX = 20000,
	SIMILAR_PERCENT = 60,
	WORD_BYTES_MIN = 4, /* a line with less to compare is like too many */
};

struct line {
	const char *at;
	size_t length; /* without the newline */
};

/* The next line of a text; false at its end. */
static bool next_line(const char *text, size_t length, size_t *at, struct line *ret)
{
	const char *end;

	if (*at >= length)
		return false;
	end = memchr(text + *at, '\n', length - *at);
	ret->at = text + *at;
	ret->length = end ? (size_t)(end - ret->at) : length - *at;
	*at += ret->length + 1;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct line trimmed(struct line line)
{
	while (line.length > 0 && is_space(*line.at)) {
		line.at++;
		line.length--;
	}
	while (line.length > 0 && is_space(line.at[line.length - 1]))
		line.length--;
	return line;
}

/* Equal when runs of white space count as one. */
static bool is_same_but_space(struct line a, struct line b)
{
	size_t i = 0, j = 0;

	a = trimmed(a);
	b = trimmed(b);
	while (i < a.length && j < b.length) {
		if (is_space(a.at[i]) && is_space(b.at[j])) {
			while (is_space(a.at[i]))
				i++;
			while (is_space(b.at[j]))
				j++;
		} else if (a.at[i++] != b.at[j++]) {
			return false;
		}
	}
	return i == a.length && j == b.length;
}

static int put_line(struct line line, size_t number, struct buf *to)
{
	size_t n = utf8_cut(line.at, line.length, SHOWN_LINE_BYTES);
	int r = buf_printf(to, "\n%6zu  ", number);

	if (r == 0 && n > 0)
		r = buf_add(to, line.at, n);
	return r == 0 && n < line.length ? buf_add_string(to, "…") : r;
}

/* How many lines from `at` on are the wanted ones but for white space; 0 unless all of them are. */
static size_t match_lines(const char *text, size_t length, size_t at, const char *wanted,
			  size_t n_wanted)
{
	struct line theirs, ours;
	size_t wanted_at = 0, n = 0;

	while (next_line(wanted, n_wanted, &wanted_at, &ours)) {
		if (!next_line(text, length, &at, &theirs) || !is_same_but_space(theirs, ours))
			return 0;
		n++;
	}
	return n;
}

static int put_same_but_space(const char *text, size_t length, size_t at, size_t number, size_t n,
			      struct buf *to)
{
	struct line line;
	int r = buf_printf(
		to,
		". Lines %zu-%zu differ from it only in white space; as they stand in the "
		"file:",
		number, number + n - 1);

	for (size_t i = 0; r == 0 && i < n && i < SHOWN_LINES_MAX; i++)
		if (next_line(text, length, &at, &line))
			r = put_line(line, number + i, to);
	return r == 0 && n > SHOWN_LINES_MAX ? buf_add_string(to, "\n        …") : r;
}

/* Percent of two lines' bytes that a longest common subsequence shares. */
static unsigned similarity(struct line a, struct line b)
{
	unsigned char rows[2][COMPARED_BYTES + 1] = { 0 };
	unsigned char *above = rows[0], *row = rows[1];

	a = trimmed(a);
	b = trimmed(b);
	a.length = a.length > COMPARED_BYTES ? COMPARED_BYTES : a.length;
	b.length = b.length > COMPARED_BYTES ? COMPARED_BYTES : b.length;
	if (a.length < WORD_BYTES_MIN || b.length * 2 < a.length || a.length * 2 < b.length)
		return 0;
	for (size_t i = 1; i <= a.length; i++) {
		unsigned char *unused = above;

		for (size_t j = 1; j <= b.length; j++)
			row[j] = a.at[i - 1] == b.at[j - 1] ? (unsigned char)(above[j - 1] + 1)
				 : above[j] > row[j - 1]    ? above[j]
							    : row[j - 1];
		above = row;
		row = unused;
	}
	return (unsigned)(2 * 100 * above[b.length] / (a.length + b.length));
}

static struct line longest_line(const char *text, size_t length)
{
	struct line line, best = { text, 0 };

	for (size_t at = 0; next_line(text, length, &at, &line);)
		if (trimmed(line).length > best.length)
			best = trimmed(line);
	return best;
}

struct near {
	struct line line;
	size_t number;
	unsigned percent;
};

/* Keeps the best, best first. */
static void keep(struct near nearest[NEAR_MAX], struct near found)
{
	for (size_t i = 0; i < NEAR_MAX; i++) {
		if (found.percent > nearest[i].percent) {
			struct near moved = nearest[i];

			nearest[i] = found;
			found = moved;
		}
	}
}

static int put_similar(const char *text, size_t length, const char *wanted, size_t n_wanted,
		       struct buf *to)
{
	struct near nearest[NEAR_MAX] = { 0 };
	struct line line, like = longest_line(wanted, n_wanted);
	size_t number = 0;
	int r = 0;

	for (size_t at = 0; number < COMPARED_LINES_MAX && next_line(text, length, &at, &line);) {
		unsigned percent = similarity(like, line);

		number++;
		if (percent >= SIMILAR_PERCENT)
			keep(nearest, (struct near){ line, number, percent });
	}
	if (nearest[0].percent > 0)
		r = buf_add_string(to, ". The most similar lines of the file are:");
	for (size_t i = 0; r == 0 && i < NEAR_MAX && nearest[i].percent > 0; i++)
		r = put_line(nearest[i].line, nearest[i].number, to);
	return r;
}

int near_lines_put(const char *text, size_t length, const char *wanted, size_t n_wanted,
		   struct buf *to)
{
	size_t at = 0, number = 1;
	struct line line;

	while (longest_line(wanted, n_wanted).length > 0) {
		size_t start = at, n = match_lines(text, length, at, wanted, n_wanted);

		if (n > 0)
			return put_same_but_space(text, length, start, number, n, to);
		if (!next_line(text, length, &at, &line))
			break;
		number++;
	}
	return put_similar(text, length, wanted, n_wanted, to);
}
