/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/error.h"

#include "harness/tap.h"

#include <errno.h>

TEST(the_first_failure_is_kept_and_prefixed)
{
	struct error err = { 0 };

	EXPECT_INT(FAIL(&err, -ENOENT, "no file \"%s\"", "x"), ==, -ENOENT);
	EXPECT_INT(error_prefix(&err, "vault %d", 3), ==, -ENOENT);
	EXPECT_STR(err.text, "vault 3: no file \"x\"");
}

TEST(a_long_prefix_truncates_instead_of_overflowing)
{
	struct error err = { 0 };

	(void)FAIL(&err, -EIO, "%0220d", 0);
	EXPECT_INT(error_prefix(&err, "%0300d", 0), ==, -EIO);
	EXPECT_INT(strlen(err.text), ==, ERROR_TEXT_BYTES - 1);
}

TEST(no_error_object_is_needed)
{
	EXPECT_INT(FAIL(NULL, -EPERM, "denied"), ==, -EPERM);
}
