/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/tool-here.h"

#include <assert.h>
#include <yyjson.h>

DEFINE_CLEANUP(yyjson_doc *, yyjson_doc_free)

const char *tool_here_string(const struct tool_here *here, const char *name)
{
	/* yyjson only reads; its functions lack the const */
	yyjson_val *arguments = (yyjson_val *)(uintptr_t)here->arguments;

	return yyjson_get_str(yyjson_obj_get(arguments, name));
}

static int run_echo(const struct tool_here *here, struct buf *result, struct error *err)
{
	const char *message = tool_here_string(here, "message");

	(void)err;
	return buf_add_string(result, message);
}

int tool_run_here(const struct tool *tool, const char *arguments, const char *zone,
		  struct buf *result, struct error *err)
{
	static const struct {
		const char *name;
		int (*run)(const struct tool_here *here, struct buf *result, struct error *err);
	} runs[] = { { "echo", run_echo },
		     { "json", tool_here_json },
		     { "message", tool_here_message },
		     { "plan_update", tool_here_plan },
		     { "time", tool_here_time },
		     { "tool_info", tool_here_about } };
	CLEANUP(yyjson_doc_free_ptr) yyjson_doc *doc = NULL;
	struct tool_here here = { .zone = zone };
	int r = -ENOSYS;

	assert(tool->place == TOOL_HERE);
	doc = yyjson_read(arguments, strlen(arguments), 0);
	here.arguments = yyjson_doc_get_root(doc);
	if (!here.arguments)
		return FAIL(err, -ENOMEM, "the arguments of %s cannot be read", tool->name);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		if (strcmp(tool->name, runs[i].name) == 0)
			r = runs[i].run(&here, result, err);
	if (r == -EMSGSIZE)
		return FAIL(err, r, "the result of %s is larger than %zu bytes", tool->name,
			    result->max);
	return r < 0 && err && err->code == 0 ? FAIL(err, r, "%s: %s", tool->name, strerror(-r))
					      : r;
}
