/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * workspace - a directory of the person's becomes a workspace of the tools (L7).
 *
 * claw opens the directory and hands the descriptor to claw-sandboxd with a number.
 * $STATE/workspaces keeps number, mode and path, so that the supervisor can hand it over again
 * after a restart: one line per workspace, "<number> ro|rw <absolute path>", the path with \n and
 * \\ escaped.
 *
 * Errors     -ENOTDIR, -ENOENT … for the directory; what claw-sandboxd refuses.
 * Tests      tests/unit/l7-shell/test-workspace.c.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WORKSPACE_FILE_MAX = 1024 * 1024, WORKSPACE_NUMBER_MAX = 1 << 20 };

/* The number of this path and mode in the file's text: the one it has, or the next free one
 * (*ret_new). */
must_check int workspace_number(const char *text, const char *path, bool writable, uint32_t *ret,
				bool *ret_new, struct error *err);

/* The line of a workspace. */
must_check int workspace_line(uint32_t number, const char *path, bool writable, struct buf *out);

/* Registers the directory with the running claw-sandboxd and keeps it in the file. */
must_check int workspace_register(int state_fd, int run_fd, const char *path, bool writable,
				  uint32_t *ret, struct error *err);
