/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * json-indent - compact, valid JSON text laid out over lines with two spaces a level (L6).
 *
 * Works on the text, so numbers and escapes stay the bytes they were. Empty lists and objects stay
 * on one line.
 *
 * Errors     -ENOMEM, -EMSGSIZE (out->max); a text that is not compact JSON comes out in some
 *            layout, never read beyond length.
 */
#pragma once

#include "base/buf.h"

/* Appends the text laid out. */
must_check int json_indent(const char *text, size_t length, struct buf *out);
