/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * shown-name - a file name in a listing: one line, whatever the name holds (L5).
 *
 * A name may hold a line end or an escape; as it is it would be two entries, or act on a terminal.
 * Such a name, and one that begins with a quotation mark, is shown as a JSON string, which is also
 * how a model gives it back. All others are shown as they are.
 *
 * Tests      tests/unit/l5-wasm/test-shown-name.c, tests/process/test-attack-workspace.py
 */
#pragma once

#include "base/buf.h"

/* Appends prefix, path and suffix as one name; -EMSGSIZE, -ENOMEM. */
must_check int shown_name_add(struct buf *to, const char *prefix, const char *path,
			      const char *suffix);
