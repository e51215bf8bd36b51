/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/nearest.h"

#include "harness/tap.h"

static const char *const names[] = { "path", "offset", "limit", "old_string", "new_string" };
enum { N_NAMES = sizeof(names) / sizeof(names[0]) };

static const char *near(const char *name)
{
	const char *found = nearest_name(name, names, N_NAMES);

	return found ? found : "none";
}

TEST(slips_of_the_keyboard_are_near)
{
	EXPECT_STR(near("pth"), "path");
	EXPECT_STR(near("lmiit"), "limit");
	EXPECT_STR(near("Limits"), "limit");
	EXPECT_STR(near("off-set"), "offset");
}

TEST(a_name_inside_another_is_near)
{
	EXPECT_STR(near("file_path"), "path");
	EXPECT_STR(near("old"), "old_string");
}

TEST(what_is_equally_near_to_two_or_to_none_is_no_answer)
{
	EXPECT_STR(near("string"), "none");
	EXPECT_STR(near("zzz"), "none");
	EXPECT_STR(near(""), "none");
	EXPECT_STR(near("__"), "none");
}

TEST(long_names_are_never_near_and_never_overflow)
{
	char name[4 * NEAREST_BYTES_MAX];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	EXPECT_STR(near(name), "none");
	EXPECT_INT(nearest_is_same(name, name), ==, false);
}

TEST(case_and_punctuation_do_not_count)
{
	EXPECT_INT(nearest_is_same("Read-File", "read_file"), ==, true);
	EXPECT_INT(nearest_is_same("readfile2", "read_file"), ==, false);
}
