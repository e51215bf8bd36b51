/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * write-file - replacing a file of the workspace in one step (L5).
 *
 * The new content is written beside the file, synced and renamed over it: a reader sees the old or
 * the new file. A symbolic link inside the workspace is followed, the link stays; the mode of a
 * file that was there is kept.
 *
 * Errors     -errno after reply_fail().
 * Tests      tests/process/test-toolwork-files.py
 */
#pragma once

#include "l5-wasm/workspace.h"

struct write_file {
	struct workspace_path path; /* of the file itself, links resolved */
	struct stat before;
	bool existed;
};

/* Finds the file that path means, its directory made when make_parents. Refuses what is no file. */
must_check int write_file_find(const struct call *call, const char *path, bool make_parents,
			       struct reply *reply, struct write_file *ret);

/* Writes the new content; what write_file_find() found is what it replaces. */
must_check int write_file_replace(const struct call *call, const struct write_file *file,
				  const void *bytes, size_t length, struct reply *reply);
