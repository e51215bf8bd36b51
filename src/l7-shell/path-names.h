/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * path-names - the names in directories that begin with what was typed (L7).
 *
 * In order, at most PATH_NAMES_MAX; hidden ones only when a dot was typed; directories with a
 * slash. Names nobody could read or type (control characters, invisible ones, no UTF-8) are left
 * out.
 *
 * Tests      tests/process/test-claw-complete.py.
 */
#pragma once

#include <stdbool.h>

enum { PATH_NAMES_MAX = 1000 };

/* Calls found(path) for each path that begins with `typed`, which is relative to base (a directory)
 * unless it begins with / or ~/. What cannot be read has no names. */
void path_names_files(const char *base, const char *typed,
		      void (*found)(const char *path, void *data), void *data);

/* The same for programs of PATH and the shell's own commands. */
void path_names_programs(const char *typed, void (*found)(const char *name, void *data),
			 void *data);
