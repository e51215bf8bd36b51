/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* html-encoding - the bytes of a web page as UTF-8 (L6). */
#pragma once

#include "base/error.h"

#include <stddef.h>

struct buf;

enum { HTML_DECODED_RATIO = 3 }; /* a byte becomes at most so many */

/*
 * Appends the page. content_type (may be NULL) names its charset, else the page's beginning does:
 * windows-1252 and iso-8859-1 are converted, everything else is taken as UTF-8 and repaired.
 * -ENOMEM, -EMSGSIZE of the buffer.
 */
must_check int html_decode(const char *html, size_t length, const char *content_type,
			   struct buf *out);
