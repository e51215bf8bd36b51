/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/local-grammar.h"

#include "base/cleanup.h"
#include "l6-agent/tool.h"

#include <stdbool.h>
#include <string.h>
#include <yyjson.h>

static const char answer_schema[] =
	"{\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}";

static const char shared_rules[] =
	"string ::= \"\\\"\" char* \"\\\"\"\n"
	"char ::= [^\"\\\\\\x00-\\x1F\\x7F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" hex hex hex hex)\n"
	"hex ::= [0-9a-fA-F]\n"
	"integer ::= \"-\"? (\"0\" | [1-9] [0-9]?[0-9]?[0-9]?[0-9]?[0-9]?[0-9]?)\n"
	"boolean ::= \"true\" | \"false\"\n";

static void free_doc(yyjson_doc *doc)
{
	yyjson_doc_free(doc);
}
DEFINE_CLEANUP(yyjson_doc *, free_doc)

/* Appends a GBNF literal. Names and enum values are plain words: nothing to escape but quotes. */
static int add_literal(struct buf *grammar, const char *text)
{
	int r = buf_add_string(grammar, " \"");

	for (; *text && r >= 0; text++)
		r = *text == '"' || *text == '\\' ? buf_printf(grammar, "\\%c", *text)
						  : buf_add_char(grammar, *text);
	return r < 0 ? r : buf_add_char(grammar, '"');
}

static int add_choice(struct buf *grammar, yyjson_val *values)
{
	int r = buf_add_string(grammar, " (");
	size_t at, n;
	yyjson_val *value;

	yyjson_arr_foreach(values, at, n, value)
	{
		if (r >= 0 && at > 0)
			r = buf_add_string(grammar, " |");
		if (r >= 0)
			r = add_literal(grammar, "\"");
		if (r >= 0)
			r = add_literal(grammar, yyjson_get_str(value));
		if (r >= 0)
			r = add_literal(grammar, "\"");
	}
	return r < 0 ? r : buf_add_string(grammar, ")");
}

static int add_value(struct buf *grammar, yyjson_val *schema)
{
	const char *type = yyjson_get_str(yyjson_obj_get(schema, "type"));
	yyjson_val *values = yyjson_obj_get(schema, "enum");

	if (yyjson_is_arr(values))
		return add_choice(grammar, values);
	if (!type || (strcmp(type, "string") != 0 && strcmp(type, "integer") != 0 &&
		      strcmp(type, "boolean") != 0))
		return -EINVAL;
	return buf_printf(grammar, " %s", type);
}

static bool is_required(yyjson_val *schema, const char *name)
{
	size_t at, n;
	yyjson_val *value;

	yyjson_arr_foreach(yyjson_obj_get(schema, "required"), at, n,
			   value) if (yyjson_equals_str(value, name)) return true;
	return false;
}

/* One argument after the other; those that may be left out nest, so that order stays. */
static int add_arguments(struct buf *grammar, const struct local_tool *tool, yyjson_val *schema)
{
	yyjson_val *properties = yyjson_obj_get(schema, "properties");
	unsigned open = 0;
	int r = 0;

	for (size_t i = 0; tool->arguments[i] && r >= 0; i++) {
		bool optional = i > 0 && !is_required(schema, tool->arguments[i]);

		if (optional) {
			r = buf_add_string(grammar, " (");
			open++;
		}
		if (r >= 0)
			r = add_literal(grammar, i > 0 ? ", \"" : "\"");
		if (r >= 0)
			r = add_literal(grammar, tool->arguments[i]);
		if (r >= 0)
			r = add_literal(grammar, "\": ");
		if (r >= 0)
			r = add_value(grammar, yyjson_obj_get(properties, tool->arguments[i]));
	}
	while (open-- > 0 && r >= 0)
		r = buf_add_string(grammar, ")?");
	return r;
}

static int add_tool(struct buf *grammar, const struct local_tool *tool, size_t index,
		    struct error *err)
{
	const struct tool *known = tool_find(tool->name);
	const char *schema = known ? known->rules : answer_schema;
	CLEANUP(free_doc_ptr) yyjson_doc *doc = NULL;
	int r;

	if (!known && strcmp(tool->name, "answer") != 0)
		return FAIL(err, -ENOENT, "the local model's tool set names %s, which is no tool",
			    tool->name);
	doc = yyjson_read(schema, strlen(schema), 0);
	if (!doc)
		return FAIL(err, -EINVAL, "the schema of %s cannot be read", tool->name);
	r = buf_printf(grammar, "tool-%zu ::=", index);
	if (r >= 0)
		r = add_literal(grammar, tool->name);
	if (r >= 0)
		r = buf_add_string(grammar, " \"\\\", \\\"arguments\\\": {\"");
	if (r >= 0)
		r = add_arguments(grammar, tool, yyjson_doc_get_root(doc));
	if (r >= 0)
		r = buf_add_string(grammar, " \"}}\"\n");
	return r < 0 ? FAIL(err, r, "the grammar of %s cannot be written", tool->name) : 0;
}

int local_grammar_add(const struct local_toolset *set, uint32_t offered, struct buf *grammar,
		      struct error *err)
{
	size_t answer = set->n_tools - 1;
	int r = buf_add_string(grammar, "root ::= \"{\\\"tool\\\": \\\"\" (");

	for (size_t i = 0; i < set->n_tools && r >= 0; i++)
		if (i == answer || (offered & (UINT32_C(1) << i)))
			r = buf_printf(grammar, "%stool-%zu",
				       grammar->data[grammar->length - 1] == '(' ? "" : " | ", i);
	if (r >= 0)
		r = buf_add_string(grammar, ")\n");
	if (r < 0)
		return FAIL(err, r, "the grammar cannot be written");
	for (size_t i = 0; i < set->n_tools && r >= 0; i++)
		if (i == answer || (offered & (UINT32_C(1) << i)))
			r = add_tool(grammar, &set->tools[i], i, err);
	if (r < 0)
		return r;
	r = buf_add_string(grammar, shared_rules);
	return r < 0 ? FAIL(err, r, "the grammar cannot be written") : 0;
}
