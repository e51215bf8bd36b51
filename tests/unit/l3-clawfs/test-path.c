/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/path.h"

#include "harness/cases.h"
#include "harness/tap.h"

static void run_case(const struct test_case *c)
{
	char out[PATH_BYTES + 1] = "untouched";
	struct error err = { 0 };
	int r;

	(void)cases_unescape(c->fields[0]);
	(void)cases_unescape(c->fields[1]);
	r = path_document(c->fields[0], out, &err);
	if (strcmp(c->fields[1], "refused") == 0) {
		if (r >= 0)
			tap_fail(c->file, c->line, "accepted as \"%s\"", out);
		EXPECT_STR(out, "untouched");
		EXPECT_INT(err.text[0], !=, '\0');
	} else if (r < 0 || strcmp(out, c->fields[1]) != 0) {
		tap_fail(c->file, c->line, "\"%s\", %s", out, err.text);
	}
}

TEST(names_are_relative_normalised_and_bounded)
{
	cases_run("fs-paths", 3, 25, run_case);
}

TEST(lengths_and_depth_are_limited_exactly)
{
	char path[2 * PATH_BYTES], out[PATH_BYTES + 1];

	memset(path, 'a', PATH_NAME_BYTES + 1);
	path[PATH_NAME_BYTES] = '\0';
	EXPECT_INT(path_document(path, out, NULL), ==, 0);
	path[PATH_NAME_BYTES] = 'a';
	path[PATH_NAME_BYTES + 1] = '\0';
	EXPECT_INT(path_document(path, out, NULL), ==, -EINVAL);

	for (int i = 0; i < PATH_BYTES; i++)
		path[i] = i % 200 == 199 ? '/' : 'b';
	path[PATH_BYTES] = '\0';
	EXPECT_INT(path_document(path, out, NULL), ==, 0);
	memcpy(path + PATH_BYTES, "b", 2);
	EXPECT_INT(path_document(path, out, NULL), ==, -EINVAL);

	for (int i = 0; i <= PATH_DEPTH; i++)
		memcpy(path + 2 * i, "d/", 3);
	EXPECT_INT(path_document(path, out, NULL), ==, -EINVAL);
	path[2 * PATH_DEPTH - 1] = '\0';
	EXPECT_INT(path_document(path, out, NULL), ==, 0);
}

TEST(a_folder_may_be_the_root_and_a_document_may_not)
{
	char out[PATH_BYTES + 1] = "x";

	EXPECT_INT(path_folder("", out, NULL), ==, 0);
	EXPECT_STR(out, "");
	EXPECT_INT(path_folder("./", out, NULL), ==, 0);
	EXPECT_STR(out, "");
	EXPECT_INT(path_document("", out, NULL), ==, -EINVAL);
	EXPECT_INT(path_document(".", out, NULL), ==, -EINVAL);
}

TEST(four_documents_say_who_the_agent_is)
{
	EXPECT_INT(path_is_identity("SOUL.md") && path_is_identity("USER.md"), ==, 1);
	EXPECT_INT(path_is_identity("AGENTS.md") && path_is_identity("IDENTITY.md"), ==, 1);
	EXPECT_INT(path_is_identity("MEMORY.md") || path_is_identity("HEARTBEAT.md"), ==, 0);
	EXPECT_INT(path_is_identity("daily/SOUL.md") || path_is_identity("SOUL.md2"), ==, 0);
}

TEST(text_is_utf8_without_nul)
{
	EXPECT_INT(path_is_text("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xb5\n", 11), ==, 1);
	EXPECT_INT(path_is_text("", 0), ==, 1);
	EXPECT_INT(path_is_text("a\0b", 3), ==, 0);
	EXPECT_INT(path_is_text("\xc0\xaf", 2), ==, 0);
	EXPECT_INT(path_is_text("\xe0\x80\xaf", 3), ==, 0);
	EXPECT_INT(path_is_text("\xed\xa0\x80", 3), ==, 0);
	EXPECT_INT(path_is_text("\xf4\x90\x80\x80", 4), ==, 0);
	EXPECT_INT(path_is_text("\xe2\x82", 2), ==, 0);
}
