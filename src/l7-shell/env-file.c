/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/env-file.h"

#include "base/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A line that is being read; value grows behind the reading position of the same bytes, so it fits.
 */
struct line {
	char *at;
	char *name, *value;
	const char *problem;
};

static bool is_name(char c, bool first)
{
	return c == '_' || isalpha((unsigned char)c) || (!first && isdigit((unsigned char)c));
}

static void skip_blanks(struct line *line)
{
	while (*line->at == ' ' || *line->at == '\t')
		line->at++;
}

static bool fail(struct line *line, const char *problem)
{
	line->problem = problem;
	return false;
}

static bool read_name(struct line *line)
{
	static const char export_word[] = "export";
	size_t n = sizeof(export_word) - 1;

	if (strncmp(line->at, export_word, n) == 0 && (line->at[n] == ' ' || line->at[n] == '\t')) {
		line->at += n;
		skip_blanks(line);
	}
	line->name = line->at;
	if (!is_name(*line->at, true))
		return fail(line, "expected NAME=value");
	while (is_name(*line->at, false))
		line->at++;
	if (*line->at != '=')
		return fail(line, "expected = behind the name");
	*line->at++ = '\0';
	return true;
}

/* Behind a closing quote only a comment may follow. */
static bool read_end(struct line *line)
{
	skip_blanks(line);
	return *line->at == '\0' || *line->at == '#'
		       ? true
		       : fail(line, "something stands behind the quotes");
}

static bool read_single(struct line *line)
{
	char *end = strchr(line->at + 1, '\'');

	if (!end)
		return fail(line, "the quotes are not closed in this line");
	line->value = line->at + 1;
	*end = '\0';
	line->at = end + 1;
	return read_end(line);
}

static char unescaped(char c)
{
	switch (c) {
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '"':
	case '\\':
	case '$':
	case '`':
		return c;
	default:
		return '\0';
	}
}

static bool read_double(struct line *line)
{
	char *to = ++line->at;

	line->value = to;
	for (; *line->at != '"'; line->at++) {
		char c = *line->at;

		if (c == '\0')
			return fail(line, "the quotes are not closed in this line");
		if (c == '$' || c == '`')
			return fail(
				line,
				"it refers to another variable or command; nothing is expanded");
		if (c == '\\') {
			c = unescaped(*++line->at);
			if (c == '\0')
				return fail(line, "unknown escape");
		}
		*to++ = c;
	}
	line->at++;
	*to = '\0';
	return read_end(line);
}

static bool read_bare(struct line *line)
{
	char *end = line->at;

	line->value = line->at;
	while (*end && !(*end == '#' && end > line->at && (end[-1] == ' ' || end[-1] == '\t'))) {
		if (*end == '$' || *end == '`')
			return fail(
				line,
				"it refers to another variable or command; nothing is expanded");
		if (*end == '"' || *end == '\'' || *end == '\\')
			return fail(line, "quotes and backslashes belong inside quotes");
		end++;
	}
	while (end > line->at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return true;
}

static bool read_value(struct line *line)
{
	if (*line->at == '\'')
		return read_single(line);
	return *line->at == '"' ? read_double(line) : read_bare(line);
}

static bool is_text(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7F)
			return false;
	return utf8_is_valid(text, length);
}

static int read_line(char *text, size_t length, unsigned number, const struct env_file_acts *acts)
{
	struct line line = { .at = text };

	if (length > 0 && text[length - 1] == '\r')
		text[--length] = '\0';
	skip_blanks(&line);
	if (*line.at == '\0' && (size_t)(line.at - text) == length)
		return 0;
	if (*line.at == '#')
		return 0;
	if (!is_text(text, length))
		return acts->on_problem("the line is not text", number, acts->data);
	if (!read_name(&line) || !read_value(&line))
		return acts->on_problem(line.problem, number, acts->data);
	return acts->on_pair(line.name, line.value, number, acts->data);
}

int env_file_read(const char *text, size_t length, const struct env_file_acts *acts)
{
	char line[ENV_FILE_LINE_MAX];
	unsigned number = 1;
	int r = 0;

	for (size_t at = 0; at < length && r >= 0; number++) {
		const char *newline = memchr(text + at, '\n', length - at);
		size_t n = newline ? (size_t)(newline - text) - at : length - at;

		if (n >= sizeof(line))
			return -EMSGSIZE;
		memcpy(line, text + at, n);
		line[n] = '\0';
		r = read_line(line, n, number, acts);
		at += n + 1;
	}
	return r < 0 ? r : 0;
}
