/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * path - names of documents (L3): relative, normalised, bounded.
 *
 * "a//./b/" becomes "a/b"; "/a", "a/../b", a name over 255 bytes, control characters and bytes that
 * are not UTF-8 are refused. What comes out normalises to itself.
 *
 * Errors     -EINVAL with the reason as one sentence.
 * Source     spec/clawfs-store.md, "Paths".
 * Tests      tests/data/fs-paths.cases, fuzz/fuzz-fs-path.c
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { PATH_BYTES = 1024, PATH_NAME_BYTES = 255, PATH_DEPTH = 16 };

/* A document: at least one name. ret is NUL-terminated and untouched on failure. */
must_check int path_document(const char *path, char ret[PATH_BYTES + 1], struct error *err);

/* A folder: as path_document(), and "" or "." is the root, written "". */
must_check int path_folder(const char *path, char ret[PATH_BYTES + 1], struct error *err);

/* True for one of the documents that say who the agent is: changed with the person's word only. */
bool path_is_identity(const char *normalised);

/* True when bytes are UTF-8 text without NUL, surrogates or over-long forms. */
bool path_is_text(const char *bytes, size_t length);
