/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/nearest.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

/* Containing a name ("read" in "read_file") counts as this many letters of difference. */
enum { CONTAINED_COST = 2, CONTAINED_LETTERS_MIN = 3 };

static char lower(char c)
{
	return (char)tolower((unsigned char)c);
}

/* Letters and digits in lower case; the length, or 0 when there are none or too many. */
static size_t fold(const char *name, char folded[NEAREST_BYTES_MAX + 1])
{
	size_t n = 0;

	for (; *name != '\0'; name++) {
		if (!isalnum((unsigned char)*name))
			continue;
		if (n == NEAREST_BYTES_MAX)
			return 0;
		folded[n++] = lower(*name);
	}
	folded[n] = '\0';
	return n;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned smaller = a < b ? a : b;

	return smaller < c ? smaller : c;
}

/* Insertions, deletions, replacements and swapped neighbours that turn a into b. */
static unsigned distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
	unsigned rows[3][NEAREST_BYTES_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= n_b; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= n_a; i++) {
		unsigned *unused = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n_b; j++) {
			unsigned replace = above[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = least(above[j] + 1, row[j - 1] + 1, replace);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = unused;
	}
	return above[n_b];
}

const char *nearest_name(const char *name, const char *const *names, size_t n_names)
{
	char wanted[NEAREST_BYTES_MAX + 1], candidate[NEAREST_BYTES_MAX + 1];
	size_t n_wanted = fold(name, wanted);
	unsigned best_cost = UINT_MAX;
	const char *best = NULL;
	bool tied = false;

	if (n_wanted == 0)
		return NULL;
	for (size_t i = 0; i < n_names; i++) {
		size_t n = fold(names[i], candidate);
		size_t shorter = n < n_wanted ? n : n_wanted;
		unsigned cost, allowed = (unsigned)shorter / 3;

		if (n == 0)
			continue;
		cost = distance(wanted, n_wanted, candidate, n);
		if (cost > CONTAINED_COST && shorter >= CONTAINED_LETTERS_MIN &&
		    (strstr(wanted, candidate) || strstr(candidate, wanted)))
			cost = CONTAINED_COST;
		else if (cost > allowed)
			continue;
		tied = cost == best_cost;
		if (cost < best_cost) {
			best_cost = cost;
			best = names[i];
		}
	}
	return tied ? NULL : best;
}

bool nearest_is_same(const char *a, const char *b)
{
	char folded_a[NEAREST_BYTES_MAX + 1], folded_b[NEAREST_BYTES_MAX + 1];

	return fold(a, folded_a) > 0 && fold(b, folded_b) > 0 && strcmp(folded_a, folded_b) == 0;
}
