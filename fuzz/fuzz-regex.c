/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   regex_compile(), regex_line(), regex_next_line(): the first line is the pattern, the
 *          rest the text.
 * Property a literal pattern finds what memmem() finds; searching a text line by line finds the
 *          lines that match alone.
 * Corpus   fuzz/corpus/regex/
 */
#include "l5-wasm/regex.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool line_matches(struct regex *regex, const char *line, size_t length)
{
	enum regex_outcome outcome;
	size_t end = 0;

	if (regex_line(regex, line, length, &outcome, &end) < 0 || end > length)
		abort();
	return outcome == REGEX_FOUND;
}

static void check_lines(struct regex *regex, const char *text, size_t length)
{
	size_t at = 0;

	while (at < length) {
		const char *newline = memchr(text + at, '\n', length - at);
		size_t n = newline ? (size_t)(newline - text) - at : length - at;
		size_t inner = n > 0 && text[at + n - 1] == '\r' ? n - 1 : n, start, end;
		enum regex_outcome outcome;

		if (regex_next_line(regex, text, length, at, &outcome, &start, &end) < 0)
			abort();
		if (line_matches(regex, text + at, inner) !=
		    (outcome == REGEX_FOUND && start == at))
			abort();
		at += n + 1;
	}
}

static void check(const char *pattern, const char *text, size_t length)
{
	struct regex_options options = { 0 };
	struct regex *regex = NULL;

	if (regex_compile(pattern, &options, &regex, NULL) == 0)
		check_lines(regex, text, length);
	regex_free(regex);
	regex = NULL;
	options.literal = true;
	if (regex_compile(pattern, &options, &regex, NULL) == 0) {
		size_t n = strcspn(text, "\n");

		if (line_matches(regex, text, n) != !!memmem(text, n, pattern, strlen(pattern)))
			abort();
	}
	regex_free(regex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size < TEXT_BYTES_MAX ? memchr(data, '\n', size) : NULL;
	char *text, *pattern;

	if (!newline || memchr(data, '\0', size))
		return 0;
	pattern = strndup((const char *)data, (size_t)(newline - data));
	text = strndup((const char *)newline + 1, size - (size_t)(newline - data) - 1);
	if (!pattern || !text)
		abort();
	check(pattern, text, strlen(text));
	free(pattern);
	free(text);
	return 0;
}
