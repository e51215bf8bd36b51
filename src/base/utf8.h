/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * utf8 - what is and is not UTF-8 text (RFC 3629: no surrogates, no overlong forms, <= U+10FFFF).
 *
 * Errors     -ENOMEM, -EMSGSIZE from the buffer written to.
 * Source     RFC 3629 section 4.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Bytes of the character at the front; 0 when there is none (cut, malformed or left is 0). */
size_t utf8_next(const char *at, size_t left);

/* True when the bytes at the front could become a character if more followed. */
bool utf8_is_cut(const char *at, size_t left);

bool utf8_is_valid(const char *text, size_t length);

/* The longest prefix of at most max bytes that does not end inside a character. */
size_t utf8_cut(const char *text, size_t length, size_t max);

/* Appends text with each malformed byte replaced by U+FFFD. */
must_check int utf8_add_repaired(struct buf *buf, const char *text, size_t length);

/* Appends the character; surrogates and values above U+10FFFF become U+FFFD. */
must_check int utf8_add_code(struct buf *buf, unsigned code);
