/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * url-join - where a redirect leads (L6).
 *
 * Text only: claw-egressd brings every URL into its one form and judges it.
 *
 * Source     RFC 3986, 5.2; dots of paths are left to claw-egressd
 * Tests      tests/unit/l6-agent/test-url-join.c
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>

/* Appends what location means on the page base. */
must_check int url_join(const char *base, const char *location, struct buf *out);

/* Scheme, host and port are the same, as written (letters in any case). */
bool url_is_same_origin(const char *a, const char *b);
