/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * call-action - what a tool call would do, as the person is asked about it (L6).
 *
 * The first line names tool and object; a command stands there as it is, a change of a file follows
 * as the lines it takes away ("-") and adds ("+"). What is too long is cut, and said.
 *
 * Errors     -ENOMEM, -EMSGSIZE (out->max)
 * Tests      tests/unit/l6-agent/test-call-action.c
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/tool.h"

enum { CALL_ACTION_BYTES_MAX = 32 * 1024 };

/* arguments: checked JSON text of the tool. */
must_check int call_action_write(const struct tool *tool, const char *arguments, struct buf *out);
