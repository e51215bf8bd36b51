/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * skip - directories that a search does not descend into unless they are named (L5).
 *
 * They hold what programs made, in numbers that would drown the person's own files.
 */
#pragma once

#include <stdbool.h>
#include <string.h>

static inline bool skip_directory(const char *name)
{
	static const char *const names[] = { ".git", ".hg",    ".svn",         ".venv",
					     ".tox", ".cache", "node_modules", "__pycache__" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}
