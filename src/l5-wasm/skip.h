/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * skip - directories that a search does not descend into unless they are named (L5).
 *
 * They hold what programs made, in numbers that would drown the person's own files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SKIP_EXPECTED = 3 }; /* the first of them nobody searches */

static inline bool skip_among(const char *name, size_t n)
{
	static const char *const names[] = { ".git", ".hg",    ".svn",         ".venv",
					     ".tox", ".cache", "node_modules", "__pycache__" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static inline bool skip_directory(const char *name)
{
	return skip_among(name, SIZE_MAX);
}

/* True for version control's own records. */
static inline bool skip_is_expected(const char *name)
{
	return skip_among(name, SKIP_EXPECTED);
}
