/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * message and plan_update: what the person sees. The record of the call is what is shown (its
 * arguments), so here is only what the model is told; and tool_info, which reads the table.
 */
#include "l6-agent/tool-here.h"

#include <string.h>
#include <yyjson.h>

enum { MESSAGE_BYTES_MAX = 16 * 1024, STEPS_MAX = 64 };

int tool_here_message(const struct tool_here *here, struct buf *result, struct error *err)
{
	const char *content = tool_here_string(here, "content");

	if (content[strspn(content, " \t\r\n")] == '\0')
		return FAIL(err, -EINVAL, "\"content\" is empty: nothing to tell");
	if (strlen(content) > MESSAGE_BYTES_MAX)
		return FAIL(err, -EINVAL,
			    "\"content\" has more than %d bytes: write a file instead",
			    MESSAGE_BYTES_MAX);
	return buf_add_string(result, "The person was told.");
}

int tool_here_plan(const struct tool_here *here, struct buf *result, struct error *err)
{
	yyjson_val *steps =
		yyjson_obj_get((yyjson_val *)(uintptr_t)here->arguments, "steps"); /* only read */
	size_t n = yyjson_arr_size(steps), completed = 0, failed = 0, i, max;
	yyjson_val *step;

	if (n == 0 || n > STEPS_MAX)
		return FAIL(err, -EINVAL, "a plan has 1 to %d steps, not %zu", STEPS_MAX, n);
	yyjson_arr_foreach(steps, i, max, step)
	{
		const char *status = yyjson_get_str(yyjson_obj_get(step, "status"));

		completed += strcmp(status, "completed") == 0;
		failed += strcmp(status, "failed") == 0;
	}
	if (failed > 0)
		return buf_printf(result,
				  "The person sees the plan: %zu of %zu completed, %zu failed.",
				  completed, n, failed);
	return buf_printf(result, "The person sees the plan: %zu of %zu completed.", completed, n);
}

static const char *policy(const struct tool *tool)
{
	switch (tool_effect_verdict(tool->effect, 1U << ORIGIN_PERSON)) {
	case TOOL_ALLOW:
		return "allowed";
	case TOOL_ASK:
		return "the person is asked";
	case TOOL_DENY:
		return "denied";
	}
	return "";
}

static const char *place(const struct tool *tool)
{
	switch (tool->place) {
	case TOOL_CAGE:
		return "in a cage: the workspace, no network";
	case TOOL_MEMORY:
		return "on the person's documents";
	case TOOL_EGRESS:
		return "through the broker, with the network";
	case TOOL_HERE:
	case TOOL_STASH:
	case TOOL_JOB:
		break;
	}
	return "in the agent";
}

int tool_here_about(const struct tool_here *here, struct buf *result, struct error *err)
{
	const char *name = tool_here_string(here, "name");
	const struct tool *tool = tool_find(name);
	const char *near = tool ? NULL : tool_nearest(name);

	if (!tool && near)
		return FAIL(err, -EINVAL, "there is no tool \"%.60s\"; did you mean \"%s\"?", name,
			    near);
	if (!tool)
		return FAIL(err, -EINVAL, "there is no tool \"%.60s\"", name);
	return buf_printf(result, "%s: %s\neffect: %s, by default %s\nruns: %s\nparameters: %s",
			  tool->name, tool->description, tool_effect_name(tool->effect),
			  policy(tool), place(tool), tool->rules);
}
