/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/daemon-options.h"

#include "harness/tap.h"

#include <stdio.h>

static struct daemon_options options;
static const char *model = "fallback";
static const struct daemon_option more[] = { { "model", &model } };

enum { WORDS_MAX = 8, WORD_BYTES = 32 };

/* Words as a command line behind the program's name. */
static int parse(const char *const words[], struct error *err)
{
	static char copies[WORDS_MAX][WORD_BYTES];
	char *argv[WORDS_MAX + 1] = { copies[0] };

	for (size_t i = 0; words[i]; i++) {
		(void)snprintf(copies[i + 1], WORD_BYTES, "%s", words[i]); /* they are short */
		argv[i + 1] = copies[i + 1];
	}
	options = DAEMON_OPTIONS_DEFAULT;
	return daemon_options_parse(argv, more, 1, &options, err);
}
#define PARSE(err, ...) parse((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL }, (err))

TEST(without_options_everything_has_its_place)
{
	struct error err = { 0 };

	EXPECT_OK(PARSE(&err), &err);
	EXPECT_STR(options.state, "/clawos/state");
	EXPECT_INT(options.owner, ==, 0);
	EXPECT_INT(options.agent, ==, DAEMON_AGENT_UID);
	EXPECT_STR(model, "fallback");
}

TEST(common_and_own_options_are_taken)
{
	struct error err = { 0 };

	EXPECT_OK(PARSE(&err, "--state", "/s", "--model", "/m", "--owner", "7"), &err);
	EXPECT_STR(options.state, "/s");
	EXPECT_STR(model, "/m");
	EXPECT_INT(options.owner, ==, 7);
}

TEST(what_is_wrong_is_named)
{
	struct error err = { 0 };

	EXPECT_INT(PARSE(&err, "--stat", "/s"), ==, -EINVAL);
	EXPECT_STR(err.text, "\"--stat\" is no option");
	EXPECT_INT(PARSE(&err, "state", "/s"), ==, -EINVAL);
	EXPECT_INT(PARSE(&err, "--state"), ==, -EINVAL);
	EXPECT_STR(err.text, "--state needs a value");
	EXPECT_INT(PARSE(&err, "--owner", "-1"), ==, -EINVAL);
	EXPECT_STR(err.text, "--owner \"-1\" is no uid");
}

TEST(the_agent_is_never_the_person)
{
	struct error err = { 0 };

	EXPECT_INT(PARSE(&err, "--owner", "64801"), ==, -EINVAL);
	EXPECT_STR(err.text, "the person and the agent need different uids");
}
