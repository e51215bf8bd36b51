/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/workspace.h"

#include "harness/tap.h"

static const char file[] = "1 ro /home/a\n2 rw /home/a\n7 ro /with\\nnewline\n";

static uint32_t number(const char *path, bool writable, bool *ret_new)
{
	struct error err = { 0 };
	uint32_t n = 0;

	EXPECT_OK(workspace_number(file, path, writable, &n, ret_new, &err), &err);
	return n;
}

TEST(a_directory_keeps_its_number_per_mode)
{
	bool is_new = true;

	EXPECT_INT(number("/home/a", false, &is_new), ==, 1);
	EXPECT_INT(is_new, ==, 0);
	EXPECT_INT(number("/home/a", true, &is_new), ==, 2);
	EXPECT_INT(number("/with\nnewline", false, &is_new), ==, 7);
	EXPECT_INT(is_new, ==, 0);
}

TEST(a_new_directory_gets_the_next_number)
{
	bool is_new = false;

	EXPECT_INT(number("/home/b", false, &is_new), ==, 8);
	EXPECT_INT(is_new, ==, 1);
	EXPECT_INT(number("/home", false, &is_new), ==, 8);
	EXPECT_INT(is_new, ==, 1);
}

TEST(a_damaged_file_is_refused_with_its_line)
{
	static const char *const texts[] = { "1 ro /a\nx ro /b\n", "1 ro /a\n0 ro /b\n",
					     "1 ro /a\n2\n" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err = { 0 };
		uint32_t n = 0;
		bool is_new;

		EXPECT_INT(workspace_number(texts[i], "/c", false, &n, &is_new, &err), ==, -EINVAL);
		EXPECT_STR(err.text, "workspaces:2: expected \"number ro|rw path\"");
	}
}

TEST(a_path_is_one_line_whatever_it_holds)
{
	auto_buf struct buf line = BUF(256);

	EXPECT_INT(workspace_line(3, "/a\n4 rw /etc\\", true, &line), ==, 0);
	EXPECT_STR(line.data, "3 rw /a\\n4 rw /etc\\\\\n");
}
