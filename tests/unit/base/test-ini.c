/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/ini.h"

#include "base/buf.h"

#include "harness/tap.h"

static struct buf seen;

static int on_section(const char *section, const char *where, void *data, struct error *err)
{
	(void)where;
	(void)data;
	(void)err;
	return buf_printf(&seen, "[%s]", section);
}

static int on_pair(const char *section, const char *key, const char *value, unsigned line,
		   const char *where, void *data, struct error *err)
{
	(void)data;
	if (strcmp(key, "bad") == 0)
		return FAIL(err, -ERANGE, "%s: refused", where);
	return buf_printf(&seen, "%s.%s=%s@%u;", section, key, value, line);
}

static const char *read_text(const char *text)
{
	const struct ini_acts acts = { on_section, on_pair, NULL };
	static struct error err;

	err = (struct error){ 0 };
	buf_free(&seen);
	seen = BUF(1 << 16);
	return ini_read("f.conf", text, &acts, &err) < 0 ? err.text : buf_string(&seen);
}

TEST(lines_become_keys_of_their_section)
{
	EXPECT_STR(read_text(""), "");
	EXPECT_STR(read_text("# c\n; c\n\n [a]\r\n x = 1 = 2 \r\ny=\n[b c]\nz\t=\tq"),
		   "[a]a.x=1 = 2@5;a.y=@6;[b c]b c.z=q@8;");
}

TEST(what_is_no_such_line_is_named_with_its_place)
{
	EXPECT_STR(read_text("[a]\nx\n"), "f.conf:2: expected key = value below a [section]");
	EXPECT_STR(read_text("x = 1\n"), "f.conf:1: expected key = value below a [section]");
	EXPECT_STR(read_text("[a]\n = 1\n"), "f.conf:2: expected key = value below a [section]");
	EXPECT_STR(read_text("[a\n"), "f.conf:1: a section is written [name]");
	EXPECT_STR(read_text("[]\n"), "f.conf:1: a section is written [name]");
	EXPECT_STR(read_text("[a]\n\nbad = 1\nx"), "f.conf:3: refused");
}

TEST(a_line_has_a_longest_length)
{
	static char text[INI_LINE_BYTES + 16];

	memset(text, 'x', sizeof(text) - 1);
	EXPECT_STR(read_text(text), "f.conf:1: line longer than 4095 bytes");
}
