/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/person-line.h"

#include "harness/tap.h"
#include "l7-shell/link.h"

static void expect_shown(const char *tool, const char *arguments, const char *wanted)
{
	struct screen screen = { .fd = -1, .columns = 70, .at_start = true, .out = BUF(1 << 16) };
	auto_json sd_json_variant *object = NULL;

	EXPECT_INT(sd_json_parse(arguments, 0, &object, NULL, NULL), >=, 0);
	EXPECT_INT(person_line_show(&screen, tool, object), ==, *wanted != '\0');
	EXPECT_STR(buf_string(&screen.out), wanted);
	screen_close(&screen);
}

TEST(a_message_is_shown_as_it_is_and_harmless)
{
	expect_shown("message", "{\"content\":\"The build\\ntakes \\u001b[2J long\"}",
		     "! The build\ntakes \\x1b[2J long\n");
}

TEST(a_plan_is_a_list_of_marked_steps)
{
	expect_shown("plan_update",
		     "{\"title\":\"Move\",\"steps\":[{\"title\":\"copy\",\"status\":\"completed\"},"
		     "{\"title\":\"check\\u001b[2J\",\"status\":\"in_progress\"},"
		     "{\"title\":\"switch\",\"status\":\"pending\"},"
		     "{\"title\":\"tell\",\"status\":\"failed\"}]}",
		     "plan: Move\n  [x] copy\n  [>] check\\x1b[2J\n  [ ] switch\n  [!] tell\n");
	expect_shown("plan_update", "{\"steps\":[{\"title\":\"a\",\"status\":\"pending\"}]}",
		     "plan\n  [ ] a\n");
	expect_shown("plan_update", "{}", "plan\n");
}

TEST(other_tools_are_left_alone)
{
	expect_shown("shell", "{\"command\":\"ls\"}", "");
	EXPECT_INT(person_line_is_shown("message"), ==, true);
	EXPECT_INT(person_line_is_shown("time"), ==, false);
}
