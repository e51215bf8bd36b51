/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/call-action.h"

#include "harness/tap.h"

#include <stdlib.h>
#include <string.h>

static void expect_action(const char *tool, const char *arguments, const char *wanted)
{
	auto_buf struct buf text = BUF(CALL_ACTION_BYTES_MAX);

	EXPECT_INT(call_action_write(tool_find(tool), arguments, &text), ==, 0);
	EXPECT_STR(buf_string(&text), wanted);
}

TEST(the_first_line_says_what_is_done_to_what)
{
	expect_action("shell", "{\"command\":\"make test\\nrm x\"}", "shell: make test\nrm x");
	expect_action("shell", "{\"command\":\"ls\",\"workdir\":\"src\"}", "shell (in src): ls");
	expect_action("write_file", "{\"path\":\"a\",\"content\":\"one\\n\\ntwo\"}",
		      "write_file a (the whole file, 8 bytes)\n+one\n+\n+two");
	expect_action("write_file", "{\"path\":\"a\",\"content\":\"\"}",
		      "write_file a (the whole file, 0 bytes)");
	expect_action("apply_patch",
		      "{\"path\":\"a\",\"old_string\":\"x\\ny\",\"new_string\":\"z\","
		      "\"replace_all\":true}",
		      "apply_patch a (everywhere in it)\n-x\n-y\n+z");
	expect_action("memory_write", "{\"content\":\"tea\"}",
		      "memory_write memory (added, 3 bytes)\n+tea");
	expect_action("memory_write", "{\"content\":\"tea\",\"target\":\"a.md\",\"append\":false}",
		      "memory_write a.md (the whole document, 3 bytes)\n+tea");
	expect_action("grep", "{\"pattern\":\"x\"}", "grep {\"pattern\":\"x\"}");
}

TEST(what_is_too_long_is_cut_and_said)
{
	enum { LONG = 5000, CUT = 4096 };
	auto_buf struct buf arguments = BUF(3 * LONG), text = BUF(CALL_ACTION_BYTES_MAX);
	char filling[LONG + 1];

	memset(filling, 'x', LONG);
	filling[LONG] = '\0';
	EXPECT_INT(buf_printf(&arguments, "{\"command\":\"%s\"}", filling), ==, 0);
	EXPECT_INT(call_action_write(tool_find("shell"), buf_string(&arguments), &text), ==, 0);
	EXPECT_INT(strstr(buf_string(&text), "\n… (904 bytes more)") != NULL, ==, 1);
	EXPECT_INT(text.length, ==, strlen("shell: ") + CUT + strlen("\n… (904 bytes more)"));
}
