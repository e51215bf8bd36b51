/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/quoted.h"

#include "base/cleanup.h"

#include <string.h>
#include <sys/mman.h>

enum { DECIMAL = 10, HEX = 16, ENTITY_DIGITS_MAX = 7, DELETE = 0x7f };

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

/* Digits of a number in base 10 or 16, size at most; false when there is none. */
static bool read_digits(const char **at, const char *end, unsigned base, size_t size, unsigned *ret)
{
	const char *from = *at;

	for (*ret = 0; *at < end && (size_t)(*at - from) < size; (*at)++) {
		unsigned char c = (unsigned char)**at;

		if (base == HEX ? !isxdigit(c) : !isdigit(c))
			break;
		*ret = *ret * base + (unsigned)(isdigit(c) ? c - '0' : tolower(c) - 'a' + DECIMAL);
	}
	return *at > from;
}

/* Behind backslashes, however many there are: what is meant. 0: a blank. */
static unsigned read_escape(const char **at, const char *end)
{
	char kind = **at;
	size_t width = kind == 'u' ? 4 : 2;
	const char *digits = *at + 1;
	unsigned value;

	if ((kind == 'u' || kind == 'x') && read_digits(&digits, end, HEX, width, &value) &&
	    (size_t)(digits - *at - 1) == width) {
		*at = digits;
		return value;
	}
	(*at)++;
	return kind && strchr("nrtbf", kind) ? 0 : (unsigned char)kind;
}

static bool skip_text(const char **at, const char *end, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(end - *at) < n || memcmp(*at, text, n) != 0)
		return false;
	*at += n;
	return true;
}

/* Behind an ampersand: the character of an entity, however often it was escaped, or the ampersand.
 */
static unsigned read_entity(const char **at, const char *end)
{
	static const struct {
		const char name[8], meant;
	} entities[] = { { "lt;", '<' }, { "gt;", '>' }, { "quot;", '"' }, { "apos;", '\'' } };
	const char *look = *at;
	unsigned value;
	bool is_hex;

	while (skip_text(&look, end, "amp;"))
		*at = look;
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++)
		if (skip_text(at, end, entities[i].name))
			return (unsigned char)entities[i].meant;
	if (!skip_text(&look, end, "#"))
		return '&';
	is_hex = skip_text(&look, end, "x") || skip_text(&look, end, "X");
	if (!read_digits(&look, end, is_hex ? HEX : DECIMAL, ENTITY_DIGITS_MAX, &value) ||
	    !skip_text(&look, end, ";"))
		return '&';
	*at = look;
	return value;
}

/* Blanks and escapes are what changes when a text is quoted; of the rest the ASCII counts. */
static bool counts(unsigned c)
{
	return c > ' ' && c < DELETE && c != '\\';
}

/* The next byte that counts; -1 at the end. is_json: line feeds may have a number behind them. */
static int next(const char **at, const char *end, bool is_json)
{
	while (*at < end) {
		const char *from = *at;
		unsigned c = (unsigned char)*(*at)++;

		if (c == '\\') {
			while (*at < end && **at == '\\')
				(*at)++;
			if (*at == end)
				break;
			if (is_json && (*at - from) % 2 == 1 && **at == 'n')
				*at = skip_number(*at + 1, end);
			else
				c = read_escape(at, end);
		} else if (c == '&') {
			c = read_entity(at, end);
		}
		if (counts(c))
			return c == '\'' ? '"' : (int)c;
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
