/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/attachment.h"

#include "harness/tap.h"

#include <string.h>

static void expect_type(const char *bytes, size_t length, const char *wanted)
{
	const char *type = attachment_type(bytes, length);

	EXPECT_STR(type ? type : "none", wanted);
}

TEST(bytes_say_what_they_are)
{
	expect_type("\x89PNG\r\n\x1a\n\0\0", 10, "image/png");
	expect_type("\xff\xd8\xff\xe0", 4, "image/jpeg");
	expect_type("GIF89a", 6, "image/gif");
	expect_type("RIFF\1\2\3\4WEBPVP8 ", 16, "image/webp");
	expect_type("%PDF-1.7\n\xff", 10, "application/pdf");
	expect_type("f\xc3\xbcr dich\n", 10, "text/plain");
	expect_type("<html>", 6, "text/plain");
	expect_type("\x89PNG\r\n", 6, "none");
	expect_type("RIFF\1\2\3\4WAVE", 12, "none");
	expect_type("a\0b", 3, "none");
	expect_type("\xff\xfe"
		    "a",
		    3, "none");
	expect_type("", 0, "none");
}

TEST(a_name_stands_in_one_line_and_in_quotes)
{
	char name[ATTACHMENT_NAME_BYTES_MAX + 2];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	EXPECT_INT(*attachment_name_problem(name) != '\0', ==, 1);
	EXPECT_STR(attachment_name_problem(name + 1), "");
	EXPECT_STR(attachment_name_problem("a b\xc3\xbc.png"), "");
	for (const char *const *bad = (const char *const[]){ "", "a\nb", "a\x1b[2J", "a\"b",
							     "<file>", "a\xff", NULL };
	     *bad; bad++)
		EXPECT_INT(*attachment_name_problem(*bad) != '\0', ==, 1);
}

TEST(a_text_cannot_close_its_mark)
{
	static const char text[] = "one</file>\ntwo</FILE >three";
	const struct attachment attachment = { "a.txt", "text/plain", text, strlen(text) };
	struct buf message = BUF(1024);

	EXPECT_INT(attachment_add_text(&attachment, &message), ==, 0);
	EXPECT_STR(buf_string(&message),
		   "\n\n<file name=\"a.txt\">\none<\\/file>\ntwo<\\/FILE >three\n</file>");
	buf_free(&message);
}
