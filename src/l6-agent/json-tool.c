/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * json-tool - the tool json (L6): parse, query, stringify, validate.
 */
#include "l6-agent/tool-here.h"

#include "base/cleanup.h"
#include "base/json-text.h"
#include "l6-agent/json-indent.h"
#include "l6-agent/json-path.h"

#include <yyjson.h>

enum { DATA_BYTES_MAX = 16 * 1024 * 1024, NEAR_BYTES = 24 };

DEFINE_CLEANUP(yyjson_doc *, yyjson_doc_free)

/* Line and column of a byte, and a few bytes around it. */
static int fail_parse(const char *data, const yyjson_read_err *bad, struct error *err)
{
	size_t line = 1, column = 1, length = strlen(data), start;
	char near[NEAR_BYTES + 1];
	size_t n = 0;

	for (size_t i = 0; i < bad->pos && i < length; i++) {
		column = data[i] == '\n' ? 1 : column + 1;
		line += data[i] == '\n';
	}
	start = bad->pos > NEAR_BYTES / 2 ? bad->pos - NEAR_BYTES / 2 : 0;
	while (start < length && ((unsigned char)data[start] & 0xC0) == 0x80)
		start++;
	for (size_t i = start; i < length && n < NEAR_BYTES; i++)
		near[n++] = (unsigned char)data[i] < ' ' ? ' ' : data[i];
	while (n > 0 && ((unsigned char)near[n - 1] & 0x80))
		n--;
	near[n] = '\0';
	return FAIL(err, -EINVAL, "not valid JSON: %s at line %zu, column %zu, near: %s", bad->msg,
		    line, column, near);
}

static int put(yyjson_val *value, bool laid_out, struct buf *to)
{
	auto_free char *text = NULL;
	size_t length = 0;

	text = yyjson_val_write(value, 0, &length);
	if (!text)
		return -ENOMEM;
	return laid_out ? json_indent(text, length, to) : buf_add(to, text, length);
}

struct found {
	struct buf *result;
	bool many;
	size_t count;
};

static int on_value(yyjson_val *value, void *data)
{
	struct found *found = data;
	const char *before = found->count > 0 ? ",\n" : found->many ? "[" : "";
	int r = buf_add_string(found->result, before);

	found->count++;
	return r < 0 ? r : put(value, !found->many, found->result);
}

/* A lone value laid out; with a wildcard a list, one value a line. */
static int query(yyjson_val *root, const char *path, struct buf *result, struct error *err)
{
	struct found found = { .result = result };
	int r = json_path_find(root, path, on_value, &found, &found.many, err);

	if (r == 0 && found.many)
		r = buf_add_string(result, found.count == 0 ? "[]" : "]");
	if (r < 0)
		buf_truncate(result, 0);
	return r;
}

static int describe(yyjson_doc *doc, struct buf *result)
{
	yyjson_val *root = yyjson_doc_get_root(doc);
	size_t n = yyjson_is_ctn(root) ? yyjson_get_len(root) : 0;

	if (yyjson_is_obj(root))
		return buf_printf(result, "valid: an object with %zu key%s", n, n == 1 ? "" : "s");
	if (yyjson_is_arr(root))
		return buf_printf(result, "valid: a list of %zu element%s", n, n == 1 ? "" : "s");
	return buf_printf(result, "valid: %s",
			  yyjson_is_str(root)    ? "a string"
			  : yyjson_is_raw(root)  ? "a number"
			  : yyjson_is_bool(root) ? "a boolean"
						 : "null");
}

int tool_here_json(const struct tool_here *here, struct buf *result, struct error *err)
{
	const char *operation = tool_here_string(here, "operation");
	const char *data = tool_here_string(here, "data");
	const char *path = tool_here_string(here, "path");
	CLEANUP(yyjson_doc_free_ptr) yyjson_doc *doc = NULL;
	yyjson_read_err bad;

	if (strlen(data) > DATA_BYTES_MAX)
		return FAIL(err, -EINVAL, "the data has more than %d bytes", DATA_BYTES_MAX);
	/* Without the in-situ flag the text is only read; the type lacks the const. */
	doc = yyjson_read_opts((char *)(uintptr_t)data, strlen(data), YYJSON_READ_NUMBER_AS_RAW,
			       NULL, &bad);
	if (!doc && bad.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
		return -ENOMEM;
	if (!doc && strcmp(operation, "stringify") == 0)
		return json_text_string(result, data); /* plain text becomes a JSON string */
	if (!doc)
		return fail_parse(data, &bad, err);
	if (strcmp(operation, "validate") == 0)
		return describe(doc, result);
	if (strcmp(operation, "query") == 0 && !path)
		return FAIL(err, -EINVAL,
			    "operation query needs \"path\", e.g. items[0].name or /items/0/name");
	if (path && strcmp(operation, "stringify") != 0)
		return query(yyjson_doc_get_root(doc), path, result, err);
	return put(yyjson_doc_get_root(doc), strcmp(operation, "parse") == 0, result);
}
