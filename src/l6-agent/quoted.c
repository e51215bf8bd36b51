/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/quoted.h"

#include "base/cleanup.h"

#include <string.h>
#include <sys/mman.h>

/* The number that read_file and grep put in front of a line: blanks, digits, a tab (escaped). */
static const char *skip_number(const char *at, const char *end)
{
	const char *from = at, *digits;

	while (at < end && *at == ' ')
		at++;
	for (digits = at; at < end && isdigit((unsigned char)*at);)
		at++;
	return at > digits && end - at >= 2 && memcmp(at, "\\t", 2) == 0 ? at + 2 : from;
}

/* The next byte that counts; -1 at the end. is_json: escapes are read. */
static int next(const char **at, const char *end, bool is_json)
{
	while (*at < end) {
		unsigned char c = (unsigned char)*(*at)++;

		if (is_json && c == '\\' && *at < end) {
			c = (unsigned char)*(*at)++;
			if (c == 'u')
				*at += end - *at < 4 ? end - *at : 4;
			if (c == 'n')
				*at = skip_number(*at, end);
			if (c && strchr("nrtbfu", c))
				continue;
		}
		if (c > ' ' && c != '\\')
			return c;
	}
	return -1;
}

/* Knuth, Morris, Pratt: where to go on after a mismatch behind i bytes. */
static void make_table(const unsigned char *pattern, size_t n, uint32_t *table)
{
	size_t k = 0;

	table[0] = 0;
	for (size_t i = 1; i < n; i++) {
		while (k > 0 && pattern[i] != pattern[k])
			k = table[k - 1];
		if (pattern[i] == pattern[k])
			k++;
		table[i] = (uint32_t)k;
	}
}

static bool search(const unsigned char *pattern, size_t n, const uint32_t *table, const char *at,
		   const char *end)
{
	size_t k = 0;
	int c;

	while (k < n && (c = next(&at, end, true)) >= 0) {
		while (k > 0 && pattern[k] != c)
			k = table[k - 1];
		if (pattern[k] == c)
			k++;
	}
	return k == n;
}

int quoted_find(const struct quoted_in *in, const char *text, size_t length, bool *ret_found)
{
	auto_free unsigned char *pattern = malloc(QUOTED_BYTES_MAX);
	auto_free uint32_t *table = NULL;
	const char *at = text, *end = text + length;
	size_t n = 0;
	void *map;
	int c;

	*ret_found = false;
	if (!pattern)
		return -ENOMEM;
	while (n < QUOTED_BYTES_MAX && (c = next(&at, end, false)) >= 0)
		pattern[n++] = (unsigned char)c;
	if (n < QUOTED_BYTES_MIN || in->to <= in->from)
		return 0;
	table = malloc(n * sizeof(*table));
	if (!table)
		return -ENOMEM;
	make_table(pattern, n, table);
	map = mmap(NULL, in->to, PROT_READ, MAP_SHARED, in->fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_found =
		search(pattern, n, table, (const char *)map + in->from, (const char *)map + in->to);
	(void)munmap(map, in->to);
	return 0;
}
