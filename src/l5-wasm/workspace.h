/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * workspace - the files a call may touch, by descriptor (L5).
 *
 * A path is relative to the workspace; "/workspace/x" means "x". Whether it stays inside is decided
 * by the kernel (openat2, RESOLVE_BENEATH), not by looking at the text. Failures are sentences for
 * the model, with the nearest name where a name does not exist.
 *
 * Errors     -errno after reply_fail().
 * Tests      tests/process/test-toolwork.py
 */
#pragma once

#include "l5-wasm/call.h"

#include <limits.h>
#include <sys/stat.h>

struct workspace_path {
	char text[PATH_MAX]; /* "." is the workspace itself; no leading "./", no trailing slash */
};

/* The path as it is meant; refuses other absolute paths, "~" and what is too long. */
must_check int workspace_path(const struct call *call, const char *given, struct reply *reply,
			      struct workspace_path *ret);

/* Opens; flags as for open(2), never waits for a peer of a FIFO. Returns a descriptor. */
must_check int workspace_open(const struct call *call, const char *path, int flags,
			      struct reply *reply);

/* Opens a regular file for reading and says what else it is when it is none. */
must_check int workspace_open_file(const struct call *call, const char *path, struct reply *reply,
				   struct stat *ret_stat);

/* Opens a directory for reading. */
must_check int workspace_open_dir(const struct call *call, const char *path, struct reply *reply);

/* The sentence for a failed step on path. verb: "read", "write", "list". Returns code. */
int workspace_fail(const struct call *call, const char *path, const char *verb, int code,
		   struct reply *reply);

/* "1.2 kB" */
enum { WORKSPACE_SIZE_BYTES = 24 };
void workspace_put_size(int64_t bytes, char to[WORKSPACE_SIZE_BYTES]);
