/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * model-name - what a person calls a file of weights: "Qwen2.5-Coder 1.5B" (L7).
 *
 * The name stands in the head of a GGUF file; a file without one is called by its own name.
 *
 * Errors     -ENOMEM, -EMSGSIZE. A file that cannot be read has its file name still.
 * Source     GGUF version 3: header and metadata (general.basename, size_label, name).
 * Tests      tests/unit/l7-shell/test-model-name.c.
 */
#pragma once

#include "base/buf.h"

/* Appends the name; foreign text, to be shown sanitised. */
must_check int model_name(const char *path, struct buf *out);

/* The same of the first bytes of a file; 0 when they hold no name, 1 when one was appended. */
must_check int model_name_of_head(const char *head, size_t length, struct buf *out);
