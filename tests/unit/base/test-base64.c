/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/base64.h"

#include "harness/tap.h"

#include <string.h>

static void check(const char *bytes, size_t length, const char *wanted)
{
	struct buf out = BUF(64);

	EXPECT_INT(base64_add(&out, bytes, length), ==, 0);
	EXPECT_STR(buf_string(&out), wanted);
	EXPECT_INT(base64_length(length), ==, strlen(wanted));
	buf_free(&out);
}

TEST(bytes_become_the_text_of_rfc_4648)
{
	check("", 0, "");
	check("f", 1, "Zg==");
	check("fo", 2, "Zm8=");
	check("foo", 3, "Zm9v");
	check("foob", 4, "Zm9vYg==");
	check("fooba", 5, "Zm9vYmE=");
	check("foobar", 6, "Zm9vYmFy");
	check("\xfb\xff\xbf\0", 4, "+/+/AA==");
}

TEST(what_does_not_fit_is_not_begun)
{
	struct buf out = BUF(8);

	EXPECT_INT(base64_add(&out, "fooba", 5), ==, 0);
	EXPECT_INT(base64_add(&out, "f", 1), ==, -EMSGSIZE);
	EXPECT_STR(buf_string(&out), "Zm9vYmE=");
	buf_free(&out);
}
