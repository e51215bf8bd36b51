/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tool-here - the tools that are pure computation and run inside claw-agentd (L6).
 *
 * Ownership  Arguments are borrowed for the call.
 * Errors     -EINVAL with a sentence for the model, -ENOMEM, -EMSGSIZE.
 * Tests      tests/unit/l6-agent/test-tool-here.c
 */
#pragma once

#include "l6-agent/tool.h"

struct tool_here {
	const char *zone;      /* the person's; NULL: UTC */
	const void *arguments; /* yyjson_val: the checked object */
};

/* A string argument, or NULL when it is not there. */
const char *tool_here_string(const struct tool_here *here, const char *name);

/* The tools, appending their answer to result. */
must_check int tool_here_time(const struct tool_here *here, struct buf *result, struct error *err);
must_check int tool_here_about(const struct tool_here *here, struct buf *result, struct error *err);
must_check int tool_here_message(const struct tool_here *here, struct buf *result,
				 struct error *err);
must_check int tool_here_plan(const struct tool_here *here, struct buf *result, struct error *err);
must_check int tool_here_json(const struct tool_here *here, struct buf *result, struct error *err);
