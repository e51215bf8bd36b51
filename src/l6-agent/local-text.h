/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * local-text - text made fit for a local prompt: without marks, cut to size, its tokens guessed
 * (L6).
 *
 * Errors     -EINVAL for text that is not UTF-8, -ENOMEM, -EMSGSIZE.
 * Source     spec/local-model.md section 1.
 */
#pragma once

#include "base/buf.h"

#include <stddef.h>

/*
 * Appends text that may come from anywhere: every control byte but tab and line feed becomes a
 * space, so that no turn can begin or end inside. Of more than max bytes the beginning and the end
 * are kept and a note says how much is missing.
 */
must_check int local_text_add(struct buf *buf, const char *text, size_t length, size_t max);

/* How many tokens the text may have: rather too many than too few. */
size_t local_text_tokens(const char *text, size_t length);
