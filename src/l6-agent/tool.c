/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/tool.h"

#include "base/nearest.h"

#include <assert.h>
#include <string.h>

static const char *const effect_names[TOOL_EFFECT_COUNT] = {
	[TOOL_READ] = "read",     [TOOL_WRITE] = "write", [TOOL_EXECUTE] = "execute",
	[TOOL_SEND] = "send",     [TOOL_SPEND] = "spend", [TOOL_INSTALL] = "install",
	[TOOL_REVEAL] = "reveal",
};

static const char *const origin_names[TOOL_ORIGIN_COUNT] = {
	[ORIGIN_PERSON] = "person",
	[ORIGIN_TOOL] = "tool",
	[ORIGIN_ROUTINE] = "routine",
	[ORIGIN_AGENT] = "agent",
};

enum { VERDICT_COUNT = TOOL_DENY + 1 };
static const char *const verdict_names[VERDICT_COUNT] = { "allow", "ask", "deny" };

/* Names models know from elsewhere. */
static const struct {
	const char *from, *to;
} synonyms[] = {
	{ "bash", "shell" },
	{ "browse", "web_fetch" },
	{ "cat", "read_file" },
	{ "cmd", "shell" },
	{ "create_file", "write_file" },
	{ "curl", "http" },
	{ "date", "time" },
	{ "edit", "apply_patch" },
	{ "edit_file", "apply_patch" },
	{ "exec", "shell" },
	{ "fetch", "web_fetch" },
	{ "find", "glob" },
	{ "find_files", "glob" },
	{ "ls", "list_dir" },
	{ "list_directory", "list_dir" },
	{ "list_files", "list_dir" },
	{ "notify", "message" },
	{ "now", "time" },
	{ "open", "read_file" },
	{ "patch", "apply_patch" },
	{ "recall", "memory_search" },
	{ "remember", "memory_write" },
	{ "rg", "grep" },
	{ "replace", "apply_patch" },
	{ "ripgrep", "grep" },
	{ "run", "shell" },
	{ "run_command", "shell" },
	{ "search", "grep" },
	{ "search_files", "grep" },
	{ "send_message", "message" },
	{ "str_replace", "apply_patch" },
	{ "terminal", "shell" },
	{ "view", "read_file" },
	{ "todo_write", "plan_update" },
	{ "update_plan", "plan_update" },
	{ "web_browse", "web_fetch" },
	{ "wget", "http" },
};

const struct tool *tool_find(const char *name)
{
	size_t low = 0, high = tool_table_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, tool_table[middle]->name);

		if (order == 0)
			return tool_table[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const char *tool_nearest(const char *name)
{
	enum { TOOLS_MAX = 64 };
	const char *names[TOOLS_MAX];

	assert(tool_table_count <= TOOLS_MAX);
	for (size_t i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (nearest_is_same(name, synonyms[i].from))
			return synonyms[i].to;
	for (size_t i = 0; i < tool_table_count; i++)
		names[i] = tool_table[i]->name;
	return nearest_name(name, names, tool_table_count);
}

const char *tool_effect_name(enum tool_effect effect)
{
	assert(effect < TOOL_EFFECT_COUNT);
	return effect_names[effect];
}

/* The place of a name in a list; n when it is not there. */
static unsigned place(const char *name, const char *const names[], unsigned n)
{
	unsigned i = 0;

	while (i < n && strcmp(name, names[i]) != 0)
		i++;
	return i;
}

bool tool_effect_parse(const char *name, enum tool_effect *ret)
{
	unsigned i = place(name, effect_names, TOOL_EFFECT_COUNT);

	if (i < TOOL_EFFECT_COUNT)
		*ret = (enum tool_effect)i;
	return i < TOOL_EFFECT_COUNT;
}

const char *tool_origin_name(enum tool_origin origin)
{
	assert(origin < TOOL_ORIGIN_COUNT);
	return origin_names[origin];
}

bool tool_origin_parse(const char *name, enum tool_origin *ret)
{
	unsigned i = place(name, origin_names, TOOL_ORIGIN_COUNT);

	if (i < TOOL_ORIGIN_COUNT)
		*ret = (enum tool_origin)i;
	return i < TOOL_ORIGIN_COUNT;
}

const char *tool_verdict_name(enum tool_verdict verdict)
{
	return verdict_names[verdict];
}

bool tool_verdict_parse(const char *name, enum tool_verdict *ret)
{
	unsigned i = place(name, verdict_names, VERDICT_COUNT);

	if (i < VERDICT_COUNT)
		*ret = (enum tool_verdict)i;
	return i < VERDICT_COUNT;
}

enum tool_verdict tool_effect_verdict(enum tool_effect effect, unsigned origins)
{
	enum tool_verdict verdict = tool_effect_verdicts[effect][ORIGIN_PERSON];

	for (unsigned i = 0; i < TOOL_ORIGIN_COUNT; i++)
		if (origins & 1U << i && tool_effect_verdicts[effect][i] > verdict)
			verdict = tool_effect_verdicts[effect][i];
	return verdict;
}
