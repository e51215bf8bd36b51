/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * env-file - reads an .env file: NAME=value lines, taken literally (L7).
 *
 *   # comment        export NAME=value      NAME='literal'      NAME="with \n \" \\ \$ escapes"
 *
 * An unquoted value ends at the line's end or at a space and #. Nothing is expanded: a value that
 * refers to another variable or a command is a problem, not a guess. The last value of a name
 * counts.
 *
 * Errors     What a callback returns; -EMSGSIZE for a file with a line beyond ENV_FILE_LINE_MAX. A
 * line that cannot be read is a problem, told with its number, and does not end the reading. Tests
 * tests/unit/l7-shell/test-env-file.c, tests/data/env-file.cases, fuzz/fuzz-env-file.c.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

enum { ENV_FILE_LINE_MAX = 8 * 1024, ENV_FILE_BYTES_MAX = 1024 * 1024 };

struct env_file_acts {
	/* value is NUL-terminated text without control characters other than newline and tab. */
	int (*on_pair)(const char *name, const char *value, unsigned line, void *data);
	int (*on_problem)(const char *reason, unsigned line, void *data);
	void *data;
};

/* Reads the lines in order; 0, or the first negative return of a callback. */
must_check int env_file_read(const char *text, size_t length, const struct env_file_acts *acts);
