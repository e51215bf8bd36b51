/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * wide-text - UTF-8 to and from the wide characters of libedit, without a locale (L7).
 *
 * Errors     -ENOMEM, -EMSGSIZE. Malformed bytes and codes outside Unicode become U+FFFD.
 */
#pragma once

#include "base/buf.h"

#include <stddef.h>
#include <wchar.h>

must_check int wide_from_utf8(const char *text, wchar_t **ret); /* the caller's to free */
must_check int wide_to_utf8(const wchar_t *wide, size_t length, struct buf *out);
