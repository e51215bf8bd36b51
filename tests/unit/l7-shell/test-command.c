/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/cleanup.h"
#include "l7-shell/command.h"
#include "l7-shell/direct.h"
#include "l7-shell/link.h"
#include "l7-shell/repl.h"
#include "l7-shell/verbs.h"

#include "harness/tap.h"

static char seen[256];

static int run_seen(struct shell *shell, const char *const args[], struct error *err)
{
	(void)shell;
	(void)err;
	(void)snprintf(seen, sizeof(seen), "%s|%s", args[0] ? args[0] : "",
		       args[0] && args[1] ? args[1] : "");
	return 3;
}

static const struct command rows[] = {
	{ "list", "", "list", 0, 0, 0, 0, run_seen },
	{ "show", "A [B]", "show", 1, 2, 0, 0, run_seen },
	{ "run", "COMMAND", "run", 1, 1, COMMAND_REST, 0, run_seen },
};
static const struct command_table table = { rows, 3, "/" };

static int obey(const char *text, struct error *err)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "%s", text);
	seen[0] = '\0';
	return command_line(&table, NULL, line, err);
}

TEST(words_become_arguments)
{
	struct error err = { 0 };

	EXPECT_INT(obey("show  one\ttwo ", &err), ==, 3);
	EXPECT_STR(seen, "one|two");
}

TEST(the_rest_of_a_line_stays_as_it_is)
{
	struct error err = { 0 };

	EXPECT_INT(obey("run  ls -la  |  wc ", &err), ==, 3);
	EXPECT_STR(seen, "ls -la  |  wc|");
	EXPECT_INT(obey("run", &err), ==, COMMAND_USAGE);
	EXPECT_STR(err.text, "usage: /run COMMAND");
}

TEST(arity_comes_from_the_table)
{
	struct error err = { 0 };

	EXPECT_INT(obey("list x", &err), ==, COMMAND_USAGE);
	EXPECT_STR(err.text, "usage: /list");
	EXPECT_INT(obey("show", &err), ==, COMMAND_USAGE);
	EXPECT_INT(obey("show 1 2 3", &err), ==, COMMAND_USAGE);
	EXPECT_STR(err.text, "usage: /show A [B]");
	EXPECT_STR(seen, "");
}

TEST(an_unknown_command_names_the_nearest)
{
	struct error err = { 0 };

	EXPECT_INT(obey("lisst", &err), ==, COMMAND_USAGE);
	EXPECT_STR(err.text, "/lisst: no such command; did you mean /list?");
	EXPECT_INT(obey("zzzzz", &err), ==, COMMAND_USAGE);
	EXPECT_STR(err.text, "/zzzzz: no such command; /help lists them");
	EXPECT_INT(obey("  ", &err), ==, COMMAND_USAGE);
}

static void check_table(const struct command_table *real)
{
	EXPECT_INT(real->n, <=, COMMAND_ROWS_MAX);
	for (size_t i = 0; i < real->n; i++) {
		const struct command *row = &real->rows[i];

		EXPECT_INT(row->min_args <= row->max_args && row->max_args <= COMMAND_ARGS_MAX, ==,
			   1);
		EXPECT_INT(row->max_args > 0, ==, *row->usage != '\0');
		for (size_t k = i + 1; k < real->n; k++)
			EXPECT_INT(strcmp(row->name, real->rows[k].name), !=, 0);
	}
}

TEST(the_real_tables_are_consistent)
{
	check_table(&verbs_table);
	check_table(&repl_commands);
	for (size_t i = 0; i < direct_forms_count; i++)
		EXPECT_INT(command_find(&repl_commands, direct_forms[i].name) != NULL, ==, 1);
}

TEST(a_direct_form_becomes_a_tool_call)
{
	auto_json sd_json_variant *arguments = NULL, *time = NULL;
	const struct direct_form *form;
	struct error err = { 0 };

	EXPECT_OK(direct_parse("/run  ls | wc\n", &form, &arguments, &err), &err);
	EXPECT_STR(form->tool, "shell");
	EXPECT_STR(link_string(arguments, "command"), "ls | wc");
	EXPECT_OK(direct_parse("/time", &form, &time, &err), &err);
	EXPECT_STR(form->tool, "time");
	EXPECT_STR(link_string(time, "operation"), "now");
	EXPECT_INT(link_field(time, "timezone") == NULL, ==, 1);
}

TEST(other_texts_are_no_direct_form)
{
	static const char *const texts[] = { "hello /run ls", "/runs ls", "/etc/passwd", "/", "",
					     "run ls" };
	sd_json_variant *arguments = NULL;
	const struct direct_form *form;
	struct error err = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		EXPECT_OK(direct_parse(texts[i], &form, &arguments, &err), &err);
		EXPECT_INT(form == NULL && arguments == NULL, ==, 1);
	}
	EXPECT_INT(direct_parse("/read  ", &form, &arguments, &err), ==, COMMAND_USAGE);
	EXPECT_STR(err.text, "usage: /read FILE");
}
