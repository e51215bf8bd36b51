/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/tool.h"

#include "harness/cases.h"
#include "harness/tap.h"

#include <yyjson.h>

/* Bytes of the schemas as a model reads them: every prompt carries them. */
enum { SCHEMAS_BYTES_MAX = 4700 };

TEST(the_table_is_sorted_and_every_tool_is_found)
{
	EXPECT_INT(tool_table_count, ==, 27);
	for (size_t i = 0; i < tool_table_count; i++) {
		if (i > 0)
			EXPECT_INT(strcmp(tool_table[i - 1]->name, tool_table[i]->name), <, 0);
		EXPECT_INT(tool_find(tool_table[i]->name) == tool_table[i], ==, 1);
	}
	EXPECT_INT(tool_find("nothing") == NULL, ==, 1);
	EXPECT_INT(tool_find("") == NULL, ==, 1);
}

TEST(effects_have_names_and_defaults)
{
	enum tool_effect effect;

	for (unsigned i = 0; i < TOOL_EFFECT_COUNT; i++) {
		EXPECT_INT(tool_effect_parse(tool_effect_name((enum tool_effect)i), &effect), ==,
			   true);
		EXPECT_INT(effect, ==, i);
		for (unsigned j = 0; j < TOOL_ORIGIN_COUNT; j++) {
			enum tool_verdict verdict =
				tool_effect_verdict((enum tool_effect)i, 1U << j);

			EXPECT_INT(verdict == TOOL_ALLOW, ==, i <= TOOL_EXECUTE);
			EXPECT_INT(verdict, >=, tool_effect_verdict((enum tool_effect)i, 0));
			EXPECT_INT(verdict, <=, tool_effect_verdict((enum tool_effect)i, 15));
		}
	}
	EXPECT_INT(tool_effect_verdict(TOOL_REVEAL, 1U << ORIGIN_PERSON), ==, TOOL_ASK);
	EXPECT_INT(tool_effect_verdict(TOOL_REVEAL, 1U << ORIGIN_PERSON | 1U << ORIGIN_TOOL), ==,
		   TOOL_DENY);
	EXPECT_INT(tool_effect_parse("reads", &effect), ==, false);
	EXPECT_INT(tool_find("shell")->effect, ==, TOOL_EXECUTE);
	EXPECT_INT(tool_find("http")->effect, ==, TOOL_SEND);
	EXPECT_INT(tool_find("read_file")->place, ==, TOOL_CAGE);
}

TEST(a_wrong_tool_name_finds_the_one_that_was_meant)
{
	static const char *const pairs[][2] = {
		{ "readfile", "read_file" },
		{ "ReadFile", "read_file" },
		{ "Bash", "shell" },
		{ "read-file", "read_file" },
		{ "memory", NULL },
		{ "xyzzy", NULL },
		{ "list_dirs", "list_dir" },
		{ "webfetch", "web_fetch" },
		{ "todowrite", "plan_update" },
		{ "curl", "http" },
		{ "", NULL },
		{ "str_replace", "apply_patch" },
		{ "functions.shell", "shell" },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const char *near = tool_nearest(pairs[i][0]);

		EXPECT_STR(near ? near : "none", pairs[i][1] ? pairs[i][1] : "none");
	}
}

TEST(the_schemas_stay_small_and_are_json_objects)
{
	size_t total = 0;

	for (size_t i = 0; i < tool_table_count; i++) {
		const struct tool *tool = tool_table[i];
		yyjson_doc *doc = yyjson_read(tool->schema, strlen(tool->schema), 0);

		EXPECT_STR(yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "type")),
			   "object");
		EXPECT_INT(strstr(tool->schema, "minimum") == NULL, ==, 1);
		yyjson_doc_free(doc);
		total += strlen(tool->name) + strlen(tool->description) + strlen(tool->schema);
	}
	EXPECT_INT(total, <=, SCHEMAS_BYTES_MAX);
}

TEST(what_is_seldom_used_is_taken_and_not_shown)
{
	static const char call[] = "{\"url\":\"u\",\"timeout_secs\":5,\"headers\":{\"A\":\"b\"}}";
	const struct tool *tool = tool_find("http");
	auto_buf struct buf out = BUF(CASES_LINE_BYTES);
	struct error err = { 0 };

	EXPECT_INT(strstr(tool->schema, "timeout_secs") == NULL, ==, 1);
	EXPECT_INT(strstr(tool->schema, "\"headers\":{\"type\":\"object\"}") != NULL, ==, 1);
	EXPECT_INT(strstr(tool->schema, "x-model") == NULL, ==, 1);
	EXPECT_INT(strstr(tool->rules, "x-model") == NULL, ==, 1);
	EXPECT_OK(tool_check(tool, call, strlen(call), &out, &err), &err);
	EXPECT_STR(buf_string(&out),
		   "{\"url\":\"u\",\"headers\":[{\"name\":\"A\",\"value\":\"b\"}],"
		   "\"timeout_secs\":5}");
}

static void check_case(const struct test_case *c)
{
	const struct tool *tool = tool_find(c->fields[0]);
	auto_buf struct buf out = BUF(CASES_LINE_BYTES);
	const char *wanted = c->fields[2];
	struct error err = { 0 };
	int r;

	if (!tool)
		tap_fail(c->file, c->line, "no tool %s", c->fields[0]);
	r = tool_check(tool, c->fields[1], strlen(c->fields[1]), &out, &err);
	if (wanted[0] == '!' ? r != -EINVAL || strcmp(err.text, wanted + 1) != 0
			     : r != 0 || strcmp(buf_string(&out), wanted) != 0)
		tap_fail(c->file, c->line, "%s: got %d \"%s\", wanted \"%s\"", c->fields[3], r,
			 r < 0 ? err.text : buf_string(&out), wanted);
}

TEST(arguments_are_checked_as_the_cases_say)
{
	cases_run("tool-check", 4, 40, check_case);
}

TEST(invalid_json_and_invalid_utf8_are_named_with_their_place)
{
	auto_buf struct buf out = BUF(CASES_LINE_BYTES);
	struct error err = { 0 };

	EXPECT_INT(tool_check(tool_find("echo"), "{\"message\":\"a", 13, &out, &err), ==, -EINVAL);
	EXPECT_INT(strstr(err.text, "not valid JSON") != NULL, ==, 1);
	EXPECT_INT(strstr(err.text, "of 13") != NULL, ==, 1);
	err = (struct error){ 0 };
	EXPECT_INT(tool_check(tool_find("echo"), "{\"message\":\"\xff\"}", 15, &out, &err), ==,
		   -EINVAL);
	EXPECT_INT(out.length, ==, 0);
}

TEST(the_callers_maximum_is_kept)
{
	auto_buf struct buf out = BUF(8);
	struct error err = { 0 };

	EXPECT_INT(tool_check(tool_find("echo"), "{\"message\":\"hello\"}", 19, &out, &err), ==,
		   -EMSGSIZE);
}

TEST(deep_arguments_are_no_deep_recursion)
{
	enum { DEPTH = 200000 };
	auto_buf struct buf in = BUF(2 * DEPTH + 64), out = BUF(64);
	struct error err = { 0 };

	EXPECT_INT(buf_add_string(&in, "{\"path\":"), ==, 0);
	for (int i = 0; i < DEPTH; i++)
		EXPECT_INT(buf_add_char(&in, '['), ==, 0);
	for (int i = 0; i < DEPTH; i++)
		EXPECT_INT(buf_add_char(&in, ']'), ==, 0);
	EXPECT_INT(buf_add_char(&in, '}'), ==, 0);
	EXPECT_INT(tool_check(tool_find("read_file"), in.data, in.length, &out, &err), ==, -EINVAL);
}
