/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/up-workspaces.h"

#include "harness/tap.h"

static struct up_workspace rows[UP_WORKSPACES_MAX];

TEST(lines_become_mounts_by_number_and_mode)
{
	struct error err = { 0 };
	unsigned n = 0;

	EXPECT_OK(up_workspaces_parse("3 ro /home/a b\n12 rw /x\\ny\\\\z\n", rows, &n, &err), &err);
	EXPECT_INT(n, ==, 2);
	EXPECT_STR(rows[0].target, "workspaces/3.ro");
	EXPECT_STR(rows[0].path, "/home/a b");
	EXPECT_STR(rows[1].target, "workspaces/12.rw");
	EXPECT_STR(rows[1].path, "/x\ny\\z");
}

TEST(what_is_not_such_a_line_is_refused_with_its_number)
{
	static const char *const wrong[] = { "0 ro /a\n", "1 wr /a\n",    "1 ro a\n",  "1 ro\n",
					     "x ro /a\n", "1 ro /a\\t\n", "1 ro /a\\", "\n" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct error err = { 0 };
		unsigned n = 7;

		EXPECT_INT(up_workspaces_parse(wrong[i], rows, &n, &err), ==, -EINVAL);
		EXPECT_STR(err.text, "workspaces:1: expected \"number ro|rw /path\"");
		EXPECT_INT(n, ==, 7);
	}
}

TEST(of_too_many_the_last_are_kept)
{
	struct buf text = BUF(64 * 1024);
	struct error err = { 0 };
	unsigned n = 0;

	for (int i = 1; i <= UP_WORKSPACES_MAX + 2; i++)
		EXPECT_INT(buf_printf(&text, "%d ro /w\n", i), ==, 0);
	EXPECT_OK(up_workspaces_parse(text.data, rows, &n, &err), &err);
	EXPECT_INT(n, ==, UP_WORKSPACES_MAX);
	EXPECT_STR(rows[0].target, "workspaces/3.ro");
	buf_free(&text);
}
