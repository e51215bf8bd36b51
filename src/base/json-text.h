/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * json-text - the one place that writes text into JSON strings.
 *
 * Whole objects that are read again by program code are built with sd-json or yyjson; this serves
 * writers that append to a large serialised form, where a tree would be a copy.
 *
 * Errors     -EINVAL when the text is not UTF-8 (nothing is then appended), -ENOMEM, -EMSGSIZE.
 * Source     RFC 8259 section 7.
 */
#pragma once

#include "base/buf.h"

#include <stddef.h>

/* Appends the text escaped, without quotation marks. Malformed UTF-8 is -EINVAL. */
must_check int json_text_escape(struct buf *buf, const char *text, size_t length);

/* As json_text_escape, and malformed bytes become U+FFFD instead. */
must_check int json_text_escape_repaired(struct buf *buf, const char *text, size_t length);

/* Appends "text" with quotation marks, or null when text is NULL. */
must_check int json_text_string(struct buf *buf, const char *text);
