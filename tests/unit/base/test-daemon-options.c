/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/daemon-options.h"

#include "harness/tap.h"

static struct daemon_options options;
static const char *model = "fallback";
static const struct daemon_option more[] = { { "model", &model } };

static int parse(char *const argv[], struct error *err)
{
	options = DAEMON_OPTIONS_DEFAULT;
	return daemon_options_parse(argv, more, 1, &options, err);
}
#define ARGV(...) ((char *[]){ (char[]){ "daemon" }, __VA_ARGS__ __VA_OPT__(, ) NULL })
#define ARG(text) ((char[]){ text })

TEST(without_options_everything_has_its_place)
{
	struct error err = { 0 };

	EXPECT_OK(parse(ARGV(), &err), &err);
	EXPECT_STR(options.state, "/clawos/state");
	EXPECT_INT(options.owner, ==, 0);
	EXPECT_INT(options.agent, ==, DAEMON_AGENT_UID);
	EXPECT_STR(model, "fallback");
}

TEST(common_and_own_options_are_taken)
{
	struct error err = { 0 };

	EXPECT_OK(parse(ARGV(ARG("--state"), ARG("/s"), ARG("--model"), ARG("/m"), ARG("--owner"),
			     ARG("7")),
			&err),
		  &err);
	EXPECT_STR(options.state, "/s");
	EXPECT_STR(model, "/m");
	EXPECT_INT(options.owner, ==, 7);
}

TEST(what_is_wrong_is_named)
{
	struct error err = { 0 };

	EXPECT_INT(parse(ARGV(ARG("--stat"), ARG("/s")), &err), ==, -EINVAL);
	EXPECT_STR(err.text, "\"--stat\" is no option");
	EXPECT_INT(parse(ARGV(ARG("state"), ARG("/s")), &err), ==, -EINVAL);
	EXPECT_INT(parse(ARGV(ARG("--state")), &err), ==, -EINVAL);
	EXPECT_STR(err.text, "--state needs a value");
	EXPECT_INT(parse(ARGV(ARG("--owner"), ARG("-1")), &err), ==, -EINVAL);
	EXPECT_STR(err.text, "--owner \"-1\" is no uid");
}

TEST(the_agent_is_never_the_person)
{
	struct error err = { 0 };

	EXPECT_INT(parse(ARGV(ARG("--owner"), ARG("64801")), &err), ==, -EINVAL);
	EXPECT_STR(err.text, "the person and the agent need different uids");
}
