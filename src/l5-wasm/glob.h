/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * glob - file name patterns over whole paths (L5): * ? [a-z] [!a-z] {a,b} and ** for any number of
 * directories.
 *
 * A pattern without a slash matches the last part of a path at any depth; one with a slash matches
 * the whole path. Names that start with a dot are not special. Matching takes at most
 * pattern × path steps.
 *
 * Ownership  glob_free().
 * Errors     -EINVAL with a sentence, -ENOMEM.
 * Tests      tests/data/glob.cases, fuzz/fuzz-glob.c
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

struct glob;

enum { GLOB_ALTERNATIVES_MAX = 256 };

/* Reads a pattern; *ret is the caller's. */
must_check int glob_compile(const char *pattern, struct glob **ret, struct error *err);
void glob_free(struct glob *glob);

/* path is relative, without "./" and without a slash at its end. */
bool glob_match(const struct glob *glob, const char *path, bool is_directory);
