/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/options.h"

#include "harness/tap.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARGUMENTS_MAX = 16, LINE_BYTES = 512 };

/* Parses words as a command line. */
static int parse(const char *const words[], struct options *ret, struct error *err)
{
	static char copies[ARGUMENTS_MAX][LINE_BYTES] = { "claw" }; /* options borrow from them */
	static char *argv[ARGUMENTS_MAX + 1] = { copies[0] };       /* and from it */
	int argc = 1;

	for (size_t i = 0; words[i] && argc < ARGUMENTS_MAX; i++, argc++) {
		(void)snprintf(copies[argc], LINE_BYTES, "%s", words[i]); /* they are short */
		argv[argc] = copies[argc];
	}
	argv[argc] = NULL;
	return options_parse(argc, argv, ret, err);
}
#define PARSE(options, err, ...) parse((const char *const[]){ __VA_ARGS__, NULL }, (options), (err))

TEST(options_stand_before_and_behind_the_verb)
{
	struct options options;
	struct error err = { 0 };

	EXPECT_OK(PARSE(&options, &err, "--state", "/s", "trace", "12", "--prompt", "--json"),
		  &err);
	EXPECT_STR(options.args[0], "trace");
	EXPECT_STR(options.args[1], "12");
	EXPECT_INT(options.n_args, ==, 2);
	EXPECT_INT(options.prompt && options.json, ==, 1);
	EXPECT_STR(options.state, "/s");
}

TEST(a_value_follows_in_the_word_behind_equals_or_next)
{
	struct options options;
	struct error err = { 0 };

	EXPECT_OK(PARSE(&options, &err, "-mhello", "--thread=a=b"), &err);
	EXPECT_STR(options.message, "hello");
	EXPECT_STR(options.thread, "a=b");
	EXPECT_OK(PARSE(&options, &err, "-m", "-x"), &err);
	EXPECT_STR(options.message, "-x");
}

TEST(what_stands_behind_two_dashes_is_no_option)
{
	struct options options;
	struct error err = { 0 };

	EXPECT_OK(PARSE(&options, &err, "logs", "--", "--json"), &err);
	EXPECT_STR(options.args[1], "--json");
	EXPECT_INT(options.json, ==, 0);
}

TEST(a_mistake_is_named)
{
	static const char *const cases[][4] = {
		{ "--jsno", NULL, NULL, "unknown option --jsno; claw help lists them" },
		{ "-m", NULL, NULL, "--message needs a TEXT" },
		{ "-m", "", NULL, "--message needs a TEXT, not an empty one" },
		{ "--json=yes", NULL, NULL, "--json takes no value" },
		{ "--thread=a", "--thread=b", NULL, "--thread is given twice" },
		{ "--allow", "everything", NULL,
		  "--allow everything: the classes are write, execute, send, spend, install, "
		  "reveal" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options options = { .n_args = 77 };
		struct error err = { 0 };

		EXPECT_INT(PARSE(&options, &err, cases[i][0], cases[i][1]), ==, -EINVAL);
		EXPECT_STR(err.text, cases[i][3]);
		EXPECT_INT(options.n_args, ==, 77);
	}
}

TEST(an_option_without_meaning_is_refused)
{
	struct options options;
	struct error err = { 0 };

	EXPECT_OK(PARSE(&options, &err, "doctor", "--record", "f"), &err);
	EXPECT_INT(options_check_use(&options, OPTION_USE_OTHER, &err), ==, -EINVAL);
	EXPECT_STR(err.text, "--record has no meaning here");
	EXPECT_OK(options_check_use(&options, OPTION_USE_ASK, &err), &err);
}

TEST(allow_adds_up)
{
	struct options options;
	struct error err = { 0 };

	EXPECT_OK(PARSE(&options, &err, "--allow", "send", "--allow=write"), &err);
	EXPECT_INT(options_allow(&options, "send"), ==, 1);
	EXPECT_INT(options_allow(&options, "write"), ==, 1);
	EXPECT_INT(options_allow(&options, "spend"), ==, 0);
}

/* Every effect of spec/tables/effects but read, which is never asked about, can be allowed. */
TEST(the_classes_are_those_of_the_table)
{
	const char *spec = getenv("CLAW_SPEC");
	char path[LINE_BYTES], line[LINE_BYTES];
	unsigned n = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tables/effects", spec ? spec : "");
	file = fopen(path, "re");
	if (!file)
		tap_fail(__FILE__, __LINE__, "cannot read %s", path);
	while (fgets(line, sizeof(line), file)) {
		struct options options;
		struct error err = { 0 };

		line[strcspn(line, " \t\n")] = '\0';
		if (*line == '\0' || *line == '#' || strcmp(line, "read") == 0 ||
		    strcmp(line, "effect") == 0)
			continue;
		EXPECT_OK(PARSE(&options, &err, "--allow", line), &err);
		n++;
	}
	(void)fclose(file);
	EXPECT_INT(n, ==, 6);
}

TEST(what_is_the_hosts_shells_is_not_looked_at)
{
	struct options options;
	struct error err = { 0 };

	EXPECT_OK(PARSE(&options, &err, "-lc", "echo", "-m", "--", "--json"), &err);
	EXPECT_INT(options.login, ==, 1);
	EXPECT_STR(options.command, "echo");
	EXPECT_STR(options.shell_rest[0], "-m");
	EXPECT_STR(options.shell_rest[1], "--");
	EXPECT_INT(options.message == NULL && options.n_args == 0, ==, 1);
	EXPECT_OK(PARSE(&options, &err, "--state", "/a/b", "./script", "--json"), &err);
	EXPECT_STR(options.shell_rest[0], "./script");
	EXPECT_INT(options.json, ==, 0);
	EXPECT_OK(PARSE(&options, &err, "-s", "-x"), &err);
	EXPECT_STR(options.shell_rest[0], "-x");
	EXPECT_OK(PARSE(&options, &err, "-c", ""), &err);
	EXPECT_STR(options.command, "");
	EXPECT_INT(options.shell_rest[0] == NULL, ==, 1);
	EXPECT_OK(PARSE(&options, &err, "config", "import", "a/b"), &err);
	EXPECT_INT(options.shell_rest == NULL, ==, 1);
	EXPECT_INT(PARSE(&options, &err, "-c"), ==, -EINVAL);
	EXPECT_INT(PARSE(&options, &err, "-lx"), ==, -EINVAL);
}
