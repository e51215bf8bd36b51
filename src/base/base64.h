/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * base64 - bytes as text of the usual alphabet, with padding (RFC 4648, section 4).
 *
 * Errors     Those of buf; nothing was added then.
 */
#pragma once

#include "base/buf.h"

/* Bytes of text that length bytes become. */
size_t base64_length(size_t length);
must_check int base64_add(struct buf *out, const void *bytes, size_t length);
