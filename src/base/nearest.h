/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * nearest - the name someone probably meant.
 *
 * Compares without regard to case and punctuation. A name is near when it differs by few letters
 * or when one contains the other; two equally near names give none.
 *
 * Errors     None: no answer is NULL.
 * Tests      tests/unit/base/test-nearest.c
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The best of names for name, or NULL. Names longer than NEAREST_BYTES_MAX are never near. */
const char *nearest_name(const char *name, const char *const *names, size_t n_names);
enum { NEAREST_BYTES_MAX = 64 };

/* True when a and b are the same name but for case and punctuation. */
bool nearest_is_same(const char *a, const char *b);
