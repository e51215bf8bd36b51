/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * up-workspaces - reads $STATE/workspaces (written by workspace.c) for the launcher's start (L7).
 *
 * Format  One line per workspace: "<number> ro|rw <absolute path>", with \n and \\ escaped in the
 * path. Errors  -EINVAL "workspaces:LINE: reason".
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum { UP_WORKSPACES_MAX = 63 };

struct up_workspace {
	char path[PATH_MAX];
	char target[32]; /* "workspaces/<number>.ro" or ".rw" */
};

/* Fills rows from the file's text; *ret_n of at most UP_WORKSPACES_MAX (the last ones, when there
 * are more). */
must_check int up_workspaces_parse(const char *text,
				   struct up_workspace rows[static UP_WORKSPACES_MAX],
				   unsigned *ret_n, struct error *err);
