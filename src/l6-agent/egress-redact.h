/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-redact - the provider's key does not come back in an answer (L6).
 *
 * Providers and proxies quote the key in their error texts, which would then stand in the journal,
 * on the terminal and in the next prompt. Every whole occurrence in the bytes as they come becomes
 * asterisks of the same number. A key that the server has encoded otherwise is not found.
 *
 * Errors     -ENOMEM, -EMSGSIZE from the buffer.
 */
#pragma once

#include "base/buf.h"

#include <stddef.h>

enum { EGRESS_REDACT_BYTES_MIN = 12 }; /* "ollama" as a key is a word, and no secret */

/*
 * Appends the next piece of a stream to out, which is empty. *held counts bytes at the stream's end
 * that may begin the secret: they are kept back and are the first *held bytes of it.
 */
must_check int egress_redact(const char *secret, size_t *held, const char *bytes, size_t length,
			     struct buf *out);
