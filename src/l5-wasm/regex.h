/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * regex - regular expressions in linear time (L5).
 *
 * Perl's syntax without what needs backtracking: . [] * + ? {n,m} | () (?:) (?i) ^ $ \b \B \d \w \s
 * and their opposites, [:alpha:], \x41 \x{e4} \t. Lines of UTF-8; \w and \b count every character
 * beyond ASCII as a letter. The automaton is built as it is needed, within a fixed memory: the time
 * is bounded by text × pattern whatever they are.
 *
 * Ownership  regex_free().
 * Errors     -EINVAL: not in the grammar. -EOPNOTSUPP: known but not offered (back references,
 *            look-around). Both with a sentence. -ENOMEM.
 * Tests      tests/data/regex.cases, tests/unit/l5-wasm/test-regex.c, fuzz/fuzz-regex.c
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct regex;

enum { REGEX_PATTERN_BYTES_MAX = 4096 };

struct regex_options {
	bool ignore_case;
	bool literal; /* the pattern is plain text */
};

/* Reads a pattern; *ret is the caller's, untouched on failure. */
must_check int regex_compile(const char *pattern, const struct regex_options *options,
			     struct regex **ret, struct error *err);
void regex_free(struct regex *regex);

enum regex_outcome { REGEX_NONE, REGEX_FOUND };

/* The first match in one line (no newline in it); *ret_end is the end of the shortest match. */
must_check int regex_line(struct regex *regex, const char *line, size_t length,
			  enum regex_outcome *ret, size_t *ret_end);

/*
 * The next line with a match in text from offset at on (at a line's start). *ret_start is the
 * line's offset, *ret_end that of the shortest match's end.
 */
must_check int regex_next_line(struct regex *regex, const char *text, size_t length, size_t at,
			       enum regex_outcome *ret, size_t *ret_start, size_t *ret_end);
