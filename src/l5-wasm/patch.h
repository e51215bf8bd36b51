/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * patch - replacing one exact text by another (L5).
 *
 * Exactly one place, unless all are wanted. When old does not occur as written but does with the
 * file's own CRLF line ends, both old and new are taken with those. Otherwise the failure shows
 * what nearly matches, with line numbers.
 *
 * Errors     -EINVAL, -ENOENT (old does not occur), -EEXIST (more than once) with the sentence in
 *            `why`; -ENOMEM, -EMSGSIZE.
 * Tests      tests/unit/l5-wasm/test-patch.c, tests/data/patch.cases, fuzz/fuzz-patch.c
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

struct patch {
	const char *old_text, *new_text;
	size_t old_length, new_length;
	bool all;
};

struct patch_done {
	size_t places, first_line;
	bool crlf; /* the file's line ends were used */
};

/* Puts the changed text into ret_text, or why it was not changed into why. */
must_check int patch_apply(const struct patch *patch, const char *text, size_t length,
			   struct buf *ret_text, struct patch_done *ret, struct buf *why);
