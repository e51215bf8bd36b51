/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/conf-edit.h"
#include "l7-shell/env-file.h"

#include "harness/cases.h"
#include "harness/tap.h"

#include <stdlib.h>

enum { OUT_BYTES_MAX = 1 << 16, CASES_MIN = 35 };

static int on_pair(const char *name, const char *value, unsigned line, void *data)
{
	(void)line;
	return buf_printf(data, "%s=%s;", name, value);
}

static int on_problem(const char *reason, unsigned line, void *data)
{
	return buf_printf(data, "%u!%s;", line, reason);
}

static void check_case(const struct test_case *c)
{
	auto_buf struct buf seen = BUF(OUT_BYTES_MAX);
	const struct env_file_acts acts = { on_pair, on_problem, &seen };
	size_t length = cases_unescape(c->fields[0]);

	(void)cases_unescape(c->fields[1]);
	if (strcmp(c->fields[1], "nothing") == 0)
		c->fields[1][0] = '\0';
	EXPECT_INT(env_file_read(c->fields[0], length, &acts), ==, 0);
	if (strcmp(buf_string(&seen), c->fields[1]) != 0)
		tap_fail(c->file, c->line, "%s: \"%s\", wanted \"%s\"", c->fields[2],
			 buf_string(&seen), c->fields[1]);
}

TEST(a_file_is_taken_literally)
{
	cases_run("env-file", 3, CASES_MIN, check_case);
}

TEST(a_line_without_end_is_an_error)
{
	auto_buf struct buf seen = BUF(OUT_BYTES_MAX), text = BUF(OUT_BYTES_MAX);
	const struct env_file_acts acts = { on_pair, on_problem, &seen };

	for (unsigned i = 0; i < ENV_FILE_LINE_MAX; i++)
		EXPECT_INT(buf_add_char(&text, 'a'), ==, 0);
	EXPECT_INT(env_file_read(text.data, text.length, &acts), ==, -EMSGSIZE);
}

static void check_edit(const char *before, const char *section, const char *key, const char *value,
		       const char *after)
{
	auto_buf struct buf text = BUF(OUT_BYTES_MAX);

	EXPECT_INT(buf_add_string(&text, before), ==, 0);
	EXPECT_INT(conf_edit_set(&text, section, key, value), ==, 0);
	EXPECT_STR(buf_string(&text), after);
}

TEST(a_key_is_set_and_the_rest_stays)
{
	check_edit("", "a", "k", "v", "[a]\nk = v\n");
	check_edit("[a]\nk = 1\n", "a", "k", "2", "[a]\nk = 2\n");
	check_edit("# c\n[a]\n# d\nk=1 \nl = 2\n", "a", "k", "3", "# c\n[a]\n# d\nk = 3\nl = 2\n");
	check_edit("[a]\nl = 1\n\n[b]\nk = 1\n", "a", "k", "v",
		   "[a]\nl = 1\nk = v\n\n[b]\nk = 1\n");
	check_edit("[b]\nk = 1", "a", "k", "v", "[b]\nk = 1\n\n[a]\nk = v\n");
	check_edit("[a]\nkk = 1\n", "a", "k", "v", "[a]\nkk = 1\nk = v\n");
	check_edit("[ab]\nk = 1\n", "a", "k", "v", "[ab]\nk = 1\n\n[a]\nk = v\n");
}

static void check_comment(const char *before, const char *key, const char *after)
{
	auto_buf struct buf text = BUF(OUT_BYTES_MAX);

	EXPECT_INT(buf_add_string(&text, before), ==, 0);
	EXPECT_INT(conf_edit_comment(&text, "a", key), ==, 0);
	EXPECT_STR(buf_string(&text), after);
}

TEST(a_key_is_commented_out_and_the_rest_stays)
{
	check_comment("", "k", "");
	check_comment("[a]\nl = 1\n", "k", "[a]\nl = 1\n");
	check_comment("[a]\nk = 1\nl = 2\n", "k", "[a]\n# k = 1\nl = 2\n");
	check_comment("[a]\nl = 1\n k=2", "k", "[a]\nl = 1\n#  k=2");
	check_comment("[b]\nk = 1\n[a]\nkk = 1\n", "k", "[b]\nk = 1\n[a]\nkk = 1\n");
}

TEST(a_value_cannot_bring_lines_of_its_own)
{
	auto_buf struct buf text = BUF(OUT_BYTES_MAX);

	EXPECT_INT(conf_edit_set(&text, "provider", "model", "x\n[egress]\nallow = all"), ==,
		   -EINVAL);
	EXPECT_INT(conf_edit_set(&text, "provider", "model", "x\ry"), ==, -EINVAL);
	EXPECT_INT(text.length, ==, 0);
}
