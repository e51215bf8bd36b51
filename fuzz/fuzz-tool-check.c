/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   tool_check() over any arguments of any tool, tool_run_here() where it applies, and
 *          tool_nearest(). The first byte chooses the tool.
 * Property what was accepted is accepted again and comes out the same; a refusal is -EINVAL with a
 *          sentence.
 * Corpus   fuzz/corpus/tool-check/
 */
#include "l6-agent/tool.h"

#include <stdlib.h>
#include <string.h>

enum { OUT_BYTES_MAX = 8 * 1024 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tool *tool, const char *arguments, size_t length)
{
	struct buf once = BUF(OUT_BYTES_MAX), twice = BUF(OUT_BYTES_MAX),
		   result = BUF(OUT_BYTES_MAX);
	struct error err = { 0 };
	int r = tool_check(tool, arguments, length, &once, &err);

	if (r < 0 && (r != -EINVAL || err.text[0] == '\0'))
		abort();
	if (r == 0) {
		if (tool_check(tool, once.data, once.length, &twice, &err) < 0 ||
		    strcmp(once.data, buf_string(&twice)) != 0)
			abort();
		if (tool->place == TOOL_HERE &&
		    tool_run_here(tool, once.data, NULL, &result, &err) < 0 && err.text[0] == '\0')
			abort();
	}
	buf_free(&once);
	buf_free(&twice);
	buf_free(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name;

	if (size == 0)
		return 0;
	check(tool_table[data[0] % tool_table_count], (const char *)data + 1, size - 1);
	name = strndup((const char *)data, size);
	if (!name)
		abort();
	if (tool_nearest(name) && !tool_find(tool_nearest(name)))
		abort();
	free(name);
	return 0;
}
