/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * time-words - what the time tool says, as a person writes a date (L7).
 *
 * "Tuesday, 24 November 2026, 14:47:19 (Europe/Berlin, UTC+01:00)"
 *
 * Errors     -ENOMEM, -EMSGSIZE.
 * Source     spec/tools.md (the result of time).
 * Tests      tests/unit/l7-shell/test-time-words.c.
 */
#pragma once

#include "base/buf.h"

/* Appends the words; 0 when the text is no such result and nothing was appended, 1 when it was. */
must_check int time_words(const char *result, struct buf *out);
