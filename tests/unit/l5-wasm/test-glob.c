/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/glob.h"

#include "harness/cases.h"
#include "harness/tap.h"

static void check(const struct test_case *c)
{
	struct glob *glob = NULL;
	struct error err = { 0 };
	char *path = c->fields[1];
	size_t n = strlen(path);
	bool is_directory = n > 0 && path[n - 1] == '/';
	const char *found;
	int r = glob_compile(c->fields[0], &glob, &err);

	if (is_directory)
		path[n - 1] = '\0';
	found = r < 0 ? "" : glob_match(glob, path, is_directory) ? "yes" : "no";
	if (c->fields[2][0] == '!' ? r != -EINVAL || strcmp(err.text, c->fields[2] + 1) != 0
				   : strcmp(found, c->fields[2]) != 0)
		tap_fail(c->file, c->line, "%s: %s%s, wanted %s", c->fields[3], found, err.text,
			 c->fields[2]);
	glob_free(glob);
}

TEST(patterns_match_as_the_cases_say)
{
	cases_run("glob", 4, 50, check);
}
