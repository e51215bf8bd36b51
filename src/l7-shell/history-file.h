/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * history-file - the messages typed before, one per line, in the state's "history" (mode 0600)
 * (L7).
 *
 * Newlines are written \n and backslashes \\. Every message is appended at once, so two shells keep
 * each other's; a file that has grown to twice its measure is cut to the newest entries when it is
 * loaded.
 *
 * Errors     -errno of the file system; -ENOMEM.
 * Tests      tests/unit/l7-shell/test-history-file.c.
 */
#pragma once

#include "base/error.h"

enum { HISTORY_FILE_ENTRIES = 2000, HISTORY_FILE_BYTES_MAX = 4 * 1024 * 1024 };

/* Calls on_entry for the newest entries, oldest first; a negative return ends it. */
must_check int history_file_load(int state_fd, int (*on_entry)(const char *text, void *data),
				 void *data);
must_check int history_file_add(int state_fd, const char *text);
