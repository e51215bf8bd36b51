/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/tool-problem.h"

#include "base/nearest.h"

#include <stdarg.h>

enum { GIVEN_BYTES = 40, SPOT_BYTES = 64, ARGUMENTS_MAX = 32 };

/* Other names for an argument, where its own name is one of the tool's. */
static const struct {
	const char *from, *to;
} synonyms[] = {
	{ "cmd", "command" },
	{ "code", "command" },
	{ "contents", "content" },
	{ "count", "limit" },
	{ "cwd", "workdir" },
	{ "dir", "path" },
	{ "directory", "path" },
	{ "directory", "workdir" },
	{ "expression", "path" },
	{ "file", "path" },
	{ "filename", "path" },
	{ "find", "old_string" },
	{ "glob", "include" },
	{ "ignore_case", "case_insensitive" },
	{ "input", "data" },
	{ "json", "data" },
	{ "lines", "limit" },
	{ "max_results", "max" },
	{ "max_results", "limit" },
	{ "new_text", "new_string" },
	{ "old_text", "old_string" },
	{ "op", "operation" },
	{ "q", "query" },
	{ "query", "pattern" },
	{ "regex", "pattern" },
	{ "replace", "new_string" },
	{ "script", "command" },
	{ "search", "old_string" },
	{ "start", "offset" },
	{ "start_line", "offset" },
	{ "text", "content" },
	{ "text", "message" },
	{ "timeout", "timeout_secs" },
	{ "tz", "timezone" },
	{ "uri", "url" },
	{ "zone", "timezone" },
};

static size_t put(char *to, size_t size, size_t at, const char *fmt, ...) printf_like(4, 5);
static size_t put(char *to, size_t size, size_t at, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (at + 1 >= size)
		return at;
	va_start(ap, fmt);
	n = vsnprintf(to + at, size - at, fmt, ap); /* a cut description is fine */
	va_end(ap);
	if (n < 0)
		return at;
	return (size_t)n < size - at ? at + (size_t)n : size - 1;
}

static void complain(struct tool_problems *problems, const char *fmt, ...) printf_like(2, 3);
static void complain(struct tool_problems *problems, const char *fmt, ...)
{
	char text[TOOL_PROBLEM_BYTES];
	va_list ap;
	size_t n, left = sizeof(problems->text) - problems->length;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut to what an error holds */
	va_end(ap);
	n = strlen(text);
	if (problems->count++ > 0 && n + 3 > left)
		return; /* the first ones are enough to go on */
	problems->length = put(problems->text, sizeof(problems->text), problems->length, "%s%s",
			       problems->length > 0 ? "; " : "", text);
}

static size_t put_spot(const struct tool_spot *spot, char *to, size_t size)
{
	size_t at = 0;

	if (!spot->parent)
		return 0;
	at = put_spot(spot->parent, to, size);
	if (!spot->name)
		return put(to, size, at, "[%zu]", spot->index);
	return put(to, size, at, "%s%s", at > 0 ? "." : "", spot->name);
}

/* The start of a string on one line, whole characters only. */
static void excerpt(const char *string, size_t length, char *to, size_t size)
{
	size_t n = 0;

	while (n < length && n + 1 < size) {
		to[n] = (unsigned char)string[n] < ' ' || string[n] == '"' ? ' ' : string[n];
		n++;
	}
	if (n < length)
		while (n > 0 && ((unsigned char)string[n] & 0xC0) == 0x80)
			n--;
	to[n] = '\0';
}

static void describe_given(yyjson_val *value, char *to, size_t size)
{
	char text[GIVEN_BYTES];

	to[0] = '\0';
	if (yyjson_is_str(value)) {
		excerpt(yyjson_get_str(value), yyjson_get_len(value), text, sizeof(text));
		(void)put(to, size, 0, "\"%s\"", text);
	} else if (yyjson_is_raw(value)) {
		excerpt(yyjson_get_raw(value), yyjson_get_len(value), text, sizeof(text));
		(void)put(to, size, 0, "%s", text);
	} else if (yyjson_is_bool(value)) {
		(void)put(to, size, 0, "%s", yyjson_get_bool(value) ? "true" : "false");
	} else {
		(void)put(to, size, 0, "%s",
			  yyjson_is_arr(value)   ? "a list"
			  : yyjson_is_obj(value) ? "an object"
						 : "null");
	}
}

int64_t tool_rules_bound(yyjson_val *rules, const char *key, int64_t otherwise)
{
	yyjson_val *value = yyjson_obj_get(rules, key);

	return value ? yyjson_get_sint(value) : otherwise;
}

static void describe_wanted(yyjson_val *rules, char *to, size_t size)
{
	const char *type = yyjson_get_str(yyjson_obj_get(rules, "type"));
	yyjson_val *choices = yyjson_obj_get(rules, "enum"), *choice;
	int64_t low = tool_rules_bound(rules, "minimum", INT64_MIN),
		high = tool_rules_bound(rules, "maximum", INT64_MAX);
	size_t at = 0, i, n;

	to[0] = '\0';
	if (choices) {
		yyjson_arr_foreach(choices, i, n, choice) at = put(
			to, size, at, "%s%s", i == 0 ? "one of " : ", ", yyjson_get_str(choice));
		return;
	}
	at = put(to, size, at, "%s",
		 strcmp(type, "boolean") == 0   ? "true or false"
		 : strcmp(type, "integer") == 0 ? "an integer"
		 : strcmp(type, "object") == 0  ? "an object"
		 : strcmp(type, "array") == 0   ? "a list"
		 : strcmp(type, "number") == 0  ? "a number"
						: "a string");
	if (low != INT64_MIN && high != INT64_MAX)
		(void)put(to, size, at, " from %jd to %jd", (intmax_t)low, (intmax_t)high);
	else if (low != INT64_MIN)
		(void)put(to, size, at, " of at least %jd", (intmax_t)low);
}

void tool_problem_wrong(struct tool_problems *problems, const struct tool_spot *spot,
			yyjson_val *rules, yyjson_val *value)
{
	char where[SPOT_BYTES] = "", wanted[TOOL_PROBLEM_BYTES], given[GIVEN_BYTES + 2];

	(void)put_spot(spot, where, sizeof(where));
	describe_wanted(rules, wanted, sizeof(wanted));
	describe_given(value, given, sizeof(given));
	if (where[0] == '\0')
		complain(problems, "the arguments must be a JSON object, not %s", given);
	else
		complain(problems, "\"%s\" must be %s, not %s", where, wanted, given);
}

void tool_problem_missing(struct tool_problems *problems, const struct tool_spot *spot)
{
	char where[SPOT_BYTES] = "";

	(void)put_spot(spot, where, sizeof(where));
	complain(problems, "\"%s\" is missing", where);
}

void tool_problem_nul(struct tool_problems *problems, const struct tool_spot *spot)
{
	char where[SPOT_BYTES] = "";

	(void)put_spot(spot, where, sizeof(where));
	complain(problems, "\"%s\" must not contain a NUL character", where);
}

static const char *suggest(yyjson_val *properties, const char *given)
{
	const char *names[ARGUMENTS_MAX];
	yyjson_val *key, *rules;
	size_t i, n, n_names = 0;

	for (i = 0; i < sizeof(synonyms) / sizeof(synonyms[0]); i++)
		if (nearest_is_same(given, synonyms[i].from) &&
		    yyjson_obj_get(properties, synonyms[i].to))
			return synonyms[i].to;
	yyjson_obj_foreach(properties, i, n, key, rules)
	{
		(void)rules;
		if (n_names < ARGUMENTS_MAX)
			names[n_names++] = yyjson_get_str(key);
	}
	return nearest_name(given, names, n_names);
}

/* Names in value that the rules do not know, or that are there twice. */
void tool_problem_names(struct tool_problems *problems, const struct tool_spot *spot,
			yyjson_val *rules, yyjson_val *value)
{
	yyjson_val *properties = yyjson_obj_get(rules, "properties");
	char where[SPOT_BYTES] = "", name[GIVEN_BYTES];
	yyjson_val *key, *inner;
	size_t i, n;

	(void)put_spot(spot, where, sizeof(where));
	yyjson_obj_foreach(value, i, n, key, inner)
	{
		const char *near;

		excerpt(yyjson_get_str(key), yyjson_get_len(key), name, sizeof(name));
		if (yyjson_obj_getn(properties, yyjson_get_str(key), yyjson_get_len(key))) {
			if (yyjson_obj_getn(value, yyjson_get_str(key), yyjson_get_len(key)) !=
			    inner)
				complain(problems, "\"%s\" is given twice", name);
			continue;
		}
		near = suggest(properties, name);
		complain(problems, "unknown argument \"%s\"%s%s%s%s%s", name,
			 where[0] ? " in " : "", where, near ? " (did you mean \"" : "",
			 near ? near : "", near ? "\"?)" : "");
	}
}

bool tool_rules_require(yyjson_val *rules, const char *name)
{
	yyjson_val *required;
	size_t i, n;

	yyjson_arr_foreach(yyjson_obj_get(rules, "required"), i, n,
			   required) if (strcmp(yyjson_get_str(required), name) == 0) return true;
	return false;
}

int tool_problem_report(const struct tool_problems *problems, const struct tool *tool,
			yyjson_val *rules, struct error *err)
{
	char takes[ERROR_TEXT_BYTES] = "";
	yyjson_val *key, *inner;
	size_t i, n, at = 0;

	yyjson_obj_foreach(yyjson_obj_get(rules, "properties"), i, n, key, inner)
	{
		bool required = tool_rules_require(rules, yyjson_get_str(key));

		(void)inner;
		at = put(takes, sizeof(takes), at, "%s%s%s%s", at > 0 ? ", " : "",
			 required ? "" : "[", yyjson_get_str(key), required ? "" : "]");
	}
	if (problems->length + strlen(takes) + strlen(tool->name) + 10 > ERROR_TEXT_BYTES)
		return FAIL(err, -EINVAL, "%s", problems->text);
	return FAIL(err, -EINVAL, "%s. %s takes %s", problems->text, tool->name, takes);
}
