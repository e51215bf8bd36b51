/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * repl-complete - what the Tab key offers, and what a command takes (L7).
 *
 * Commands and their words, threads (/thread), tools and files of the workspace in messages,
 * programs and files in commands of the person. What cannot be shown as it is is not offered;
 * nothing waits longer than a second for the agent.
 *
 * Tests      tests/process/test-claw-complete.py.
 */
#pragma once

#include "base/buf.h"

#include <stddef.h>

/* For struct line_editor_options; data is the struct repl. Returns where in text the names begin.
 */
size_t repl_complete(const char *text, void (*found)(const char *name, void *found_data),
		     void *found_data, void *data);
must_check int repl_hint(const char *text, struct buf *out, void *data);
