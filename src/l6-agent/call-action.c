/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/call-action.h"

#include "base/utf8.h"
#include "l6-agent/payload.h"

#include <assert.h>
#include <string.h>

enum { SHOWN_BYTES = 4096, OTHER_SHOWN_BYTES = 2000, NAME_BYTES = 512 };

static const char *text_of(yyjson_val *arguments, const char *name)
{
	const char *text = payload_get_string(arguments, name);

	return text ? text : "";
}

static size_t shown_of(const char *text, size_t max)
{
	assert(text);
	return utf8_cut(text, strlen(text), max);
}

static int add_rest(const char *text, size_t shown, struct buf *out)
{
	size_t length = strlen(text);

	return shown < length ? buf_printf(out, "\n… (%zu bytes more)", length - shown) : 0;
}

/* Each line behind a mark, on lines of their own. */
static int add_lines(const char *text, char mark, struct buf *out)
{
	size_t shown = shown_of(text, SHOWN_BYTES), at = 0;
	int r = 0;

	while (at < shown && r >= 0) {
		size_t n = strcspn(text + at, "\n");

		if (n > shown - at)
			n = shown - at;
		r = buf_printf(out, "\n%c%.*s", mark, (int)n, text + at);
		at += n + 1;
	}
	return r < 0 ? r : add_rest(text, shown, out);
}

static int write_command(yyjson_val *arguments, struct buf *out)
{
	const char *command = text_of(arguments, "command"),
		   *folder = text_of(arguments, "workdir");
	size_t shown = shown_of(command, SHOWN_BYTES);
	int r = buf_printf(out, *folder ? "shell (in %.*s): " : "shell: ",
			   (int)shown_of(folder, NAME_BYTES), folder);

	if (r >= 0)
		r = buf_add(out, command, shown);
	return r < 0 ? r : add_rest(command, shown, out);
}

static int write_file(yyjson_val *arguments, struct buf *out)
{
	const char *path = text_of(arguments, "path"), *content = text_of(arguments, "content");
	int r = buf_printf(out, "write_file %.*s (the whole file, %zu bytes)",
			   (int)shown_of(path, NAME_BYTES), path, strlen(content));

	return r < 0 ? r : add_lines(content, '+', out);
}

static int write_patch(yyjson_val *arguments, struct buf *out)
{
	const char *path = text_of(arguments, "path");
	bool is_all = yyjson_get_bool(yyjson_obj_get(arguments, "replace_all"));
	int r = buf_printf(out, "apply_patch %.*s%s", (int)shown_of(path, NAME_BYTES), path,
			   is_all ? " (everywhere in it)" : "");

	if (r >= 0)
		r = add_lines(text_of(arguments, "old_string"), '-', out);
	return r < 0 ? r : add_lines(text_of(arguments, "new_string"), '+', out);
}

static int write_memory(yyjson_val *arguments, struct buf *out)
{
	const char *target = text_of(arguments, "target"), *content = text_of(arguments, "content");
	yyjson_val *append = yyjson_obj_get(arguments, "append");
	int r = buf_printf(
		out, "memory_write %.*s (%s, %zu bytes)",
		(int)shown_of(*target ? target : "memory", NAME_BYTES), *target ? target : "memory",
		yyjson_is_false(append) ? "the whole document" : "added", strlen(content));

	return r < 0 ? r : add_lines(content, '+', out);
}

static int write_other(const struct tool *tool, const char *arguments, struct buf *out)
{
	size_t shown = shown_of(arguments, OTHER_SHOWN_BYTES);
	int r = buf_printf(out, "%s %.*s", tool->name, (int)shown, arguments);

	return r < 0 ? r : add_rest(arguments, shown, out);
}

int call_action_write(const struct tool *tool, const char *arguments, struct buf *out)
{
	static const struct {
		const char *tool;
		int (*write)(yyjson_val *arguments, struct buf *out);
	} rows[] = {
		{ "apply_patch", write_patch },
		{ "memory_write", write_memory },
		{ "shell", write_command },
		{ "write_file", write_file },
	};
	yyjson_doc *doc;
	int r;

	assert(arguments);
	doc = payload_parse(arguments, strlen(arguments));
	r = doc ? 1 : -ENOMEM;

	for (size_t i = 0; r > 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].tool, tool->name) == 0)
			r = rows[i].write(yyjson_doc_get_root(doc), out);
	yyjson_doc_free(doc);
	return r > 0 ? write_other(tool, arguments, out) : r;
}
