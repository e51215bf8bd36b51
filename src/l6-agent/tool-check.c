/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tool-check - a tool call's arguments against the tool's rules (L6): tool_check() of tool.h.
 *
 * Walks the rules, not the arguments: the depth of what a model wrote costs nothing here, and the
 * result holds only what the rules name.
 */
#include "l6-agent/tool.h"

#include "base/number.h"
#include "l6-agent/json-indent.h"
#include "l6-agent/tool-problem.h"

#include <assert.h>
#include <yyjson.h>

enum { NUMBER_BYTES = 40, DEPTH_MAX = 8, TEXT_BYTES_MAX = 16 * 1024 * 1024 };

/* Numbers stay the bytes they were written as: nothing is rounded on the way to the tool. */
static const yyjson_read_flag read_flags =
	YYJSON_READ_NUMBER_AS_RAW | YYJSON_READ_ALLOW_TRAILING_COMMAS;

DEFINE_CLEANUP(yyjson_doc *, yyjson_doc_free)
DEFINE_CLEANUP(yyjson_mut_doc *, yyjson_mut_doc_free)

struct check {
	const struct tool *tool;
	yyjson_mut_doc *out;
	bool no_memory;
	struct tool_problems problems;
};

static yyjson_mut_val *check_value(struct check *check, const struct tool_spot *spot,
				   yyjson_val *rules, yyjson_val *value);

static yyjson_mut_val *refuse(struct check *check, const struct tool_spot *spot, yyjson_val *rules,
			      yyjson_val *value)
{
	tool_problem_wrong(&check->problems, spot, rules, value);
	return NULL;
}

static yyjson_mut_val *made(struct check *check, yyjson_mut_val *value)
{
	check->no_memory |= !value;
	return value;
}

/* ---- single values ---- */

static yyjson_mut_val *check_choice(struct check *check, const struct tool_spot *spot,
				    yyjson_val *rules, yyjson_val *value)
{
	yyjson_val *choice;
	size_t i, n;

	if (yyjson_is_str(value))
		yyjson_arr_foreach(
			yyjson_obj_get(rules, "enum"), i, n,
			choice) if (strcasecmp(yyjson_get_str(choice), yyjson_get_str(value)) ==
				    0) return made(check,
						   yyjson_mut_strcpy(check->out,
								     yyjson_get_str(choice)));
	return refuse(check, spot, rules, value);
}

/* A list or an object as the text it would be written as. */
static yyjson_mut_val *text_of(struct check *check, yyjson_val *value)
{
	auto_buf struct buf laid_out = BUF(TEXT_BYTES_MAX);
	auto_free char *text = NULL;
	size_t length = 0;

	text = yyjson_val_write(value, 0, &length);
	if (!text || json_indent(text, length, &laid_out) < 0)
		return made(check, NULL);
	return made(check, yyjson_mut_strncpy(check->out, buf_string(&laid_out), laid_out.length));
}

static yyjson_mut_val *check_string(struct check *check, const struct tool_spot *spot,
				    yyjson_val *rules, yyjson_val *value)
{
	if (yyjson_obj_get(rules, "enum"))
		return check_choice(check, spot, rules, value);
	if (yyjson_is_str(value) && memchr(yyjson_get_str(value), '\0', yyjson_get_len(value))) {
		tool_problem_nul(&check->problems, spot);
		return NULL;
	}
	if (yyjson_is_str(value))
		return made(check, yyjson_mut_strncpy(check->out, yyjson_get_str(value),
						      yyjson_get_len(value)));
	if (yyjson_is_raw(value))
		return made(check, yyjson_mut_strncpy(check->out, yyjson_get_raw(value),
						      yyjson_get_len(value)));
	if (yyjson_is_bool(value))
		return made(check,
			    yyjson_mut_str(check->out, yyjson_get_bool(value) ? "true" : "false"));
	if (!yyjson_obj_get(rules, "x-text") || yyjson_is_null(value))
		return refuse(check, spot, rules, value);
	return text_of(check, value);
}

/* The text of a value that can be a number: 5, 5.0, "5", " 5 ". False when it cannot be one. */
static bool number_text(yyjson_val *value, char *to, size_t size)
{
	const char *text = yyjson_is_str(value)   ? yyjson_get_str(value)
			   : yyjson_is_raw(value) ? yyjson_get_raw(value)
						  : NULL;
	size_t length = yyjson_get_len(value);

	if (!text)
		return false;
	while (length > 0 && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	while (length > 0 && isspace((unsigned char)text[length - 1]))
		length--;
	if (length == 0 || length >= size || memchr(text, '\0', length))
		return false;
	memcpy(to, text, length);
	to[length] = '\0';
	return true;
}

static yyjson_mut_val *check_integer(struct check *check, const struct tool_spot *spot,
				     yyjson_val *rules, yyjson_val *value)
{
	char text[NUMBER_BYTES], *point;
	int64_t number;

	if (!number_text(value, text, sizeof(text)))
		return refuse(check, spot, rules, value);
	point = strchr(text, '.');
	if (point && point != text && point[1] != '\0' &&
	    strspn(point + 1, "0") == strlen(point + 1))
		*point = '\0'; /* 5.0 is 5 */
	if (number_parse_i64(text, tool_rules_bound(rules, "minimum", INT64_MIN),
			     tool_rules_bound(rules, "maximum", INT64_MAX), &number) < 0)
		return refuse(check, spot, rules, value);
	return made(check, yyjson_mut_sint(check->out, number));
}

static yyjson_mut_val *check_number(struct check *check, const struct tool_spot *spot,
				    yyjson_val *rules, yyjson_val *value)
{
	CLEANUP(yyjson_doc_free_ptr) yyjson_doc *parsed = NULL;
	char text[NUMBER_BYTES];

	if (!number_text(value, text, sizeof(text)))
		return refuse(check, spot, rules, value);
	parsed = yyjson_read(text, strlen(text), read_flags);
	if (!parsed || !yyjson_is_raw(yyjson_doc_get_root(parsed)))
		return refuse(check, spot, rules, value);
	return made(check, yyjson_mut_rawcpy(check->out, text));
}

static yyjson_mut_val *check_boolean(struct check *check, const struct tool_spot *spot,
				     yyjson_val *rules, yyjson_val *value)
{
	char text[NUMBER_BYTES];

	if (yyjson_is_bool(value))
		return made(check, yyjson_mut_bool(check->out, yyjson_get_bool(value)));
	if (!number_text(value, text, sizeof(text)))
		return refuse(check, spot, rules, value);
	if (strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 || strcmp(text, "1") == 0)
		return made(check, yyjson_mut_bool(check->out, true));
	if (strcasecmp(text, "false") == 0 || strcasecmp(text, "no") == 0 || strcmp(text, "0") == 0)
		return made(check, yyjson_mut_bool(check->out, false));
	return refuse(check, spot, rules, value);
}

/* ---- lists and objects ---- */

static bool is_type(yyjson_val *rules, const char *type)
{
	return strcmp(yyjson_get_str(yyjson_obj_get(rules, "type")), type) == 0;
}

/* {"Accept": "x"} where a list of {name, value} is wanted. */
static bool is_name_value_map(yyjson_val *items, yyjson_val *value)
{
	yyjson_val *properties = yyjson_obj_get(items, "properties");

	return yyjson_is_obj(value) && yyjson_obj_size(properties) == 2 &&
	       yyjson_obj_get(properties, "name") && yyjson_obj_get(properties, "value") &&
	       !(yyjson_obj_get(value, "name") && yyjson_obj_get(value, "value"));
}

static yyjson_mut_val *list_of_pairs(struct check *check, const struct tool_spot *spot,
				     yyjson_val *items, yyjson_val *value)
{
	yyjson_mut_val *list = made(check, yyjson_mut_arr(check->out));
	yyjson_val *text = yyjson_obj_get(yyjson_obj_get(items, "properties"), "value");
	yyjson_val *key, *inner;
	size_t i, n;

	yyjson_obj_foreach(value, i, n, key, inner)
	{
		struct tool_spot at = { spot, yyjson_get_str(key), 0, spot->depth + 1 };
		yyjson_mut_val *pair = made(check, yyjson_mut_obj(check->out));
		yyjson_mut_val *checked = check_value(check, &at, text, inner);
		yyjson_mut_val *name =
			made(check, yyjson_mut_strncpy(check->out, yyjson_get_str(key),
						       yyjson_get_len(key)));

		if (!checked || !pair || !name || !list)
			return NULL;
		if (!yyjson_mut_obj_add(pair, yyjson_mut_str(check->out, "name"), name) ||
		    !yyjson_mut_obj_add(pair, yyjson_mut_str(check->out, "value"), checked) ||
		    !yyjson_mut_arr_append(list, pair))
			return made(check, NULL);
	}
	return list;
}

/* A value that is itself the text of a JSON value of the wanted kind; the caller frees it. */
static yyjson_doc *parse_inside(yyjson_val *value, const char *first)
{
	const char *text = yyjson_get_str(value);

	if (!text)
		return NULL;
	text += strspn(text, " \t\r\n");
	if (*text != *first)
		return NULL;
	return yyjson_read(text, strlen(text), read_flags);
}

static yyjson_mut_val *check_list(struct check *check, const struct tool_spot *spot,
				  yyjson_val *rules, yyjson_val *value)
{
	CLEANUP(yyjson_doc_free_ptr) yyjson_doc *inside = parse_inside(value, "[");
	yyjson_val *items = yyjson_obj_get(rules, "items"), *element;
	yyjson_mut_val *list;
	size_t i, n;

	if (inside)
		value = yyjson_doc_get_root(inside);
	if (is_name_value_map(items, value))
		return list_of_pairs(check, spot, items, value);
	list = made(check, yyjson_mut_arr(check->out));
	if (!yyjson_is_arr(value)) {
		struct tool_spot at = { spot, NULL, 0, spot->depth + 1 };
		yyjson_mut_val *only;

		if (is_type(items, "object") != yyjson_is_obj(value) || yyjson_is_null(value))
			return refuse(check, spot, rules, value);
		only = check_value(check, &at, items, value);
		return only && list && yyjson_mut_arr_append(list, only) ? list : NULL;
	}
	yyjson_arr_foreach(value, i, n, element)
	{
		struct tool_spot at = { spot, NULL, i, spot->depth + 1 };
		yyjson_mut_val *checked = check_value(check, &at, items, element);

		if (checked && list)
			check->no_memory |= !yyjson_mut_arr_append(list, checked);
	}
	return list;
}

static yyjson_mut_val *check_object(struct check *check, const struct tool_spot *spot,
				    yyjson_val *rules, yyjson_val *value)
{
	CLEANUP(yyjson_doc_free_ptr) yyjson_doc *inside = parse_inside(value, "{");
	yyjson_val *properties = yyjson_obj_get(rules, "properties"), *key, *inner;
	yyjson_mut_val *object = made(check, yyjson_mut_obj(check->out));
	size_t i, n;

	if (inside)
		value = yyjson_doc_get_root(inside);
	if (!yyjson_is_obj(value))
		return refuse(check, spot, rules, value);
	tool_problem_names(&check->problems, spot, rules, value);
	yyjson_obj_foreach(properties, i, n, key, inner)
	{
		struct tool_spot at = { spot, yyjson_get_str(key), 0, spot->depth + 1 };
		yyjson_val *given = yyjson_obj_get(value, at.name);
		bool required = tool_rules_require(rules, at.name);
		yyjson_mut_val *checked;

		if (!given || (yyjson_is_null(given) && !required)) {
			if (required)
				tool_problem_missing(&check->problems, &at);
			continue;
		}
		checked = check_value(check, &at, inner, given);
		if (checked && object)
			check->no_memory |= !yyjson_mut_obj_add(
				object, yyjson_mut_strcpy(check->out, at.name), checked);
	}
	return object;
}

static yyjson_mut_val *check_value(struct check *check, const struct tool_spot *spot,
				   yyjson_val *rules, yyjson_val *value)
{
	assert(spot->depth <= DEPTH_MAX); /* of the rules, which are ours */
	if (is_type(rules, "object"))
		return check_object(check, spot, rules, value);
	if (is_type(rules, "array"))
		return check_list(check, spot, rules, value);
	if (is_type(rules, "integer"))
		return check_integer(check, spot, rules, value);
	if (is_type(rules, "number"))
		return check_number(check, spot, rules, value);
	if (is_type(rules, "boolean"))
		return check_boolean(check, spot, rules, value);
	return check_string(check, spot, rules, value);
}

/* ---- the whole call ---- */

/* {"arguments": {...}} and its like, when the tool has no argument of that name. */
static yyjson_val *unwrap(yyjson_val *rules, yyjson_val *value)
{
	static const char *const wrappers[] = { "arguments", "parameters", "args", "input" };

	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		yyjson_val *inner = yyjson_obj_get(value, wrappers[i]);

		if (yyjson_is_obj(inner) && yyjson_obj_size(value) == 1 &&
		    !yyjson_obj_get(yyjson_obj_get(rules, "properties"), wrappers[i]))
			return inner;
	}
	return value;
}

static int write_out(struct check *check, struct buf *ret_arguments)
{
	auto_free char *text = NULL;
	size_t length;

	text = yyjson_mut_write(check->out, 0, &length);
	return text ? buf_add(ret_arguments, text, length) : -ENOMEM;
}

int tool_check(const struct tool *tool, const char *arguments, size_t length,
	       struct buf *ret_arguments, struct error *err)
{
	CLEANUP(yyjson_doc_free_ptr) yyjson_doc *rules_doc = NULL;
	CLEANUP(yyjson_doc_free_ptr) yyjson_doc *given_doc = NULL;
	CLEANUP(yyjson_mut_doc_free_ptr) yyjson_mut_doc *out = yyjson_mut_doc_new(NULL);
	struct check check = { .tool = tool, .out = out };
	struct tool_spot top = { 0 };
	yyjson_val *rules, *value;
	yyjson_mut_val *checked;
	yyjson_read_err bad;

	assert(tool && ret_arguments && (arguments || length == 0));
	rules_doc = yyjson_read(tool->rules, strlen(tool->rules), 0);
	rules = yyjson_doc_get_root(rules_doc);
	while (length > 0 && isspace((unsigned char)arguments[length - 1]))
		length--;
	if (length == 0 || (length == 4 && memcmp(arguments, "null", 4) == 0)) {
		arguments = "{}";
		length = 2;
	}
	/* Without the in-situ flag the text is only read; the type lacks the const. */
	given_doc = yyjson_read_opts((char *)(uintptr_t)arguments, length, read_flags, NULL, &bad);
	if (!out || !rules || (!given_doc && bad.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION))
		return FAIL(err, -ENOMEM, "no memory to check the arguments of %s", tool->name);
	if (!given_doc)
		return FAIL(err, -EINVAL, "the arguments are not valid JSON: %s at byte %zu of %zu",
			    bad.msg, bad.pos, length);
	value = unwrap(rules, yyjson_doc_get_root(given_doc));
	checked = yyjson_is_obj(value) || yyjson_is_str(value)
			  ? check_object(&check, &top, rules, value)
			  : refuse(&check, &top, rules, value);
	if (check.problems.count > 0)
		return tool_problem_report(&check.problems, tool, rules, err);
	if (check.no_memory || !checked)
		return FAIL(err, -ENOMEM, "no memory to check the arguments of %s", tool->name);
	yyjson_mut_doc_set_root(out, checked);
	return write_out(&check, ret_arguments);
}
