/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * near-lines - where a text that was not found almost stands (L5).
 *
 * Looks for the lines of the wanted text regardless of white space; then for the lines most like
 * its longest line. Time is bounded: long texts are compared by a bounded part of each line.
 *
 * Errors     -ENOMEM, -EMSGSIZE.
 * Tests      tests/unit/l5-wasm/test-patch.c
 */
#pragma once

#include "base/buf.h"

/* Appends a few lines that tell a model what to look at; nothing when nothing is similar. */
must_check int near_lines_put(const char *text, size_t length, const char *wanted, size_t n_wanted,
			      struct buf *to);
