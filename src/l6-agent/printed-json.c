/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* printed-json - which calls a JSON value means: the many names for name and arguments (L6). */
#include "l6-agent/printed-internal.h"

#include "l6-agent/tool.h"

#include <string.h>
#include <yyjson.h>

enum { NEST_MAX = 4 };

static const yyjson_read_flag read_flags = YYJSON_READ_NUMBER_AS_RAW;

static const char *const name_keys[] = { "name",          "tool",           "tool_name", "function",
					 "function_name", "recipient_name", "action" };
static const char *const argument_keys[] = { "arguments",  "parameters",   "args",   "input",
					     "tool_input", "action_input", "params", "kwargs" };
/* What may stand beside them and says nothing. */
static const char *const beside_keys[] = { "id",      "type",    "index",  "tool_call_id",
					   "call_id", "thought", "reason", "reasoning",
					   "role",    "content" };
/* One call, or a list of calls, a level deeper. */
static const char *const deeper_keys[] = { "tool_calls",     "tool_uses", "calls",
					   "function_calls", "tool_call", "function_call",
					   "function" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_among(const char *key, const char *const *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

bool tool_has_argument(const struct tool *tool, const char *name)
{
	yyjson_doc *doc = yyjson_read(tool->schema, strlen(tool->schema), 0);
	yyjson_val *properties = yyjson_obj_get(yyjson_doc_get_root(doc), "properties");
	bool has = yyjson_obj_get(properties, name) != NULL;

	yyjson_doc_free(doc);
	return has;
}

static int add_value(struct parse *parse, const struct tool *tool, yyjson_val *arguments)
{
	auto_buf struct buf text = BUF(PRINTED_JSON_BYTES_MAX);
	char *written = NULL;
	size_t length = 0;
	int r = 0;

	if (yyjson_is_str(arguments)) {
		r = buf_add(&text, yyjson_get_str(arguments), yyjson_get_len(arguments));
	} else if (arguments && !yyjson_is_null(arguments)) {
		written = yyjson_val_write(arguments, 0, &length);
		r = written ? buf_add(&text, written, length) : -ENOMEM;
		free(written);
	}
	return r < 0 ? r : parse_add(parse, tool, &text);
}

/* {"name": "echo", "message": "x"}: the arguments stand beside the name. */
static int add_flat(struct parse *parse, const struct tool *tool, yyjson_val *object,
		    const char *name_key)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	auto_buf struct buf text = BUF(PRINTED_JSON_BYTES_MAX);
	yyjson_val *key, *value;
	char *written = NULL;
	size_t i, n, length;
	int r = doc && root ? READ_OK : -ENOMEM;

	yyjson_obj_foreach(object, i, n, key, value)
	{
		const char *name = yyjson_get_str(key);

		if (strcmp(name, name_key) == 0 || r != READ_OK)
			continue;
		if (!tool_has_argument(tool, name))
			r = READ_BAD;
		else if (!yyjson_mut_obj_add(root, yyjson_mut_strcpy(doc, name),
					     yyjson_val_mut_copy(doc, value)))
			r = -ENOMEM;
	}
	if (r == READ_OK && yyjson_mut_obj_size(root) == 0 && !parse->is_marked)
		r = READ_BAD; /* {"name": "time"} alone may be any answer */
	if (r == READ_OK) {
		written = yyjson_mut_val_write(root, 0, &length);
		r = written ? buf_add(&text, written, length) : -ENOMEM;
	}
	free(written);
	yyjson_mut_doc_free(doc);
	return r == READ_OK ? parse_add(parse, tool, &text) : r;
}

static int take(struct parse *parse, yyjson_val *value, unsigned depth);

/* Only keys that belong to a call. */
static bool is_only_call(yyjson_val *object)
{
	yyjson_val *key, *value;
	size_t i, n;

	yyjson_obj_foreach(object, i, n, key, value)
	{
		const char *name = yyjson_get_str(key);

		if (!is_among(name, name_keys, COUNT(name_keys)) &&
		    !is_among(name, argument_keys, COUNT(argument_keys)) &&
		    !is_among(name, beside_keys, COUNT(beside_keys)) &&
		    !is_among(name, deeper_keys, COUNT(deeper_keys)))
			return false;
	}
	return true;
}

/* {"echo": {"message": "x"}} */
static int take_keyed(struct parse *parse, yyjson_val *object)
{
	yyjson_obj_iter iter = yyjson_obj_iter_with(object);
	yyjson_val *key = yyjson_obj_iter_next(&iter);
	const struct tool *tool = key ? printed_tool(parse->printed, yyjson_get_str(key)) : NULL;

	if (!parse->is_marked || !tool || yyjson_obj_size(object) != 1 ||
	    !yyjson_is_obj(yyjson_obj_iter_get_val(key)))
		return READ_BAD;
	return add_value(parse, tool, yyjson_obj_iter_get_val(key));
}

static int take_object(struct parse *parse, yyjson_val *object, unsigned depth)
{
	const struct tool *tool = NULL;
	const char *name_key = NULL;
	yyjson_val *arguments = NULL, *deeper = NULL;

	for (size_t i = 0; i < COUNT(name_keys) && !tool; i++) {
		yyjson_val *name = yyjson_obj_get(object, name_keys[i]);

		name_key = name_keys[i];
		if (yyjson_is_str(name))
			tool = printed_tool(parse->printed, yyjson_get_str(name));
	}
	for (size_t i = 0; i < COUNT(argument_keys) && !arguments; i++)
		arguments = yyjson_obj_get(object, argument_keys[i]);
	for (size_t i = 0; i < COUNT(deeper_keys) && !deeper; i++)
		deeper = yyjson_obj_get(object, deeper_keys[i]);
	if (tool && arguments && is_only_call(object))
		return add_value(parse, tool, arguments);
	if (tool)
		return add_flat(parse, tool, object, name_key);
	if (deeper && !yyjson_is_str(deeper) && is_only_call(object))
		return take(parse, deeper, depth + 1);
	return take_keyed(parse, object);
}

static int take(struct parse *parse, yyjson_val *value, unsigned depth)
{
	yyjson_val *element;
	size_t i, n;
	int r = READ_OK;

	if (depth > NEST_MAX)
		return READ_BAD;
	if (yyjson_is_obj(value))
		return take_object(parse, value, depth);
	if (!yyjson_is_arr(value) || yyjson_arr_size(value) == 0)
		return READ_BAD;
	yyjson_arr_foreach(value, i, n, element) if (r == READ_OK) r =
		take(parse, element, depth + 1);
	return r;
}

const struct tool *json_names_tool(const struct printed *printed, const char *at, const char *end)
{
	const struct tool *tool = NULL;

	for (size_t i = 0; i < COUNT(name_keys) && !tool; i++) {
		char quoted[PRINTED_WORD_BYTES], name[PRINTED_NAME_BYTES];
		struct look look = { at, end };

		(void)snprintf(quoted, sizeof(quoted), "\"%s\"", name_keys[i]); /* fits */
		look.at = memmem(at, (size_t)(end - at), quoted, strlen(quoted));
		if (!look.at)
			continue;
		look.at += strlen(quoted);
		look_skip_blanks(&look);
		if (!look_skip(&look, ":"))
			continue;
		look_skip_blanks(&look);
		if (look_skip(&look, "\"") && look_word(&look, name, sizeof(name)) &&
		    look_skip(&look, "\""))
			tool = printed_tool(printed, name);
	}
	return tool;
}

int parse_json(struct parse *parse)
{
	const char *from = parse->look.at;
	auto_buf struct buf text = BUF(PRINTED_JSON_BYTES_MAX);
	yyjson_doc *doc;
	int r = value_read(&parse->look, &text, 0);

	if (r == READ_CUT || r == READ_BAD) {
		parse->begun = json_names_tool(parse->printed, from, parse->look.end);
		parse->begun_at = from;
	}
	if (r != READ_OK)
		return r;
	doc = yyjson_read(buf_string(&text), text.length, read_flags);
	r = doc ? take(parse, yyjson_doc_get_root(doc), 0) : READ_BAD;
	yyjson_doc_free(doc);
	return r;
}
