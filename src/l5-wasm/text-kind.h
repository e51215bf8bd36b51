/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * text-kind - is this the start of a text, and if not, of what (L5).
 *
 * Tests      tests/unit/l5-wasm/test-text-kind.c
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { TEXT_KIND_BYTES = 8192 }; /* how much of a file is worth looking at */

/* NULL for text, else what it is: "a PNG image", "binary data". */
const char *text_kind_other(const char *start, size_t length);
