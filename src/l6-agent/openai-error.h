/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * openai-error - turns what a provider says instead of an answer into one honest sentence (L6).
 *
 * Errors     All return a negative errno for the caller to pass on: -E2BIG when the context length
 *            is exceeded, else -EREMOTEIO.
 * Source     spec/providers.md, "Errors".
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

struct yyjson_val;

/* The body of an answer with this status; JSON, HTML, plain text or nothing. */
must_check int openai_error_body(int status, const char *bytes, size_t length, struct error *err);

/* What came with a good status and is no answer at all, from its front. */
must_check int openai_error_words(const char *bytes, size_t length, struct error *err);

/* The value of "error" in an answer; status is what the head said. */
must_check int openai_error_value(int status, struct yyjson_val *error, struct error *err);
