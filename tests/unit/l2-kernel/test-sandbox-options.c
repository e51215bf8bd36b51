/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/sandbox-options.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { TABLE_BYTES = 65536, KEYS = 4 };

static int parse(const char *conf, struct sandbox_options *ret, struct error *err)
{
	const char *argv[] = { "claw-sandboxd", "--conf", conf, NULL };

	return sandbox_options_parse((char *const *)(uintptr_t)argv, ret, err);
}

/* The section [sandbox] of spec/tables/quotas as a file; returns the number of its keys. */
static unsigned write_section(const char *path)
{
	static char whole[TABLE_BYTES];
	auto_buf struct buf text = BUF(TABLE_BYTES - 1), section = BUF(TABLE_BYTES);
	char table[4096], *rest = whole;
	auto_fd int fd = -1, out_fd = -1;
	bool inside = false;
	unsigned n = 0;

	(void)snprintf(table, sizeof(table), "%s/tables/quotas", getenv("CLAW_SPEC"));
	fd = dir_open_configured(table, O_RDONLY, 0);
	EXPECT_INT(dir_read_fd(fd, &text), ==, 0);
	memcpy(whole, text.data, text.length + 1);
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (line[0] == '[')
			inside = strcmp(line, "[sandbox]") == 0;
		if (!inside || line[0] == '#')
			continue;
		n += strchr(line, '=') != NULL;
		EXPECT_INT(buf_printf(&section, "%s\n", line), ==, 0);
	}
	out_fd = dir_open_configured(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	EXPECT_INT(dir_write_all(out_fd, section.data, section.length), ==, 0);
	return n;
}

TEST(the_defaults_are_those_of_the_table)
{
	char path[] = "/tmp/claw-sandbox-options-XXXXXX";
	struct sandbox_options from_code, from_table;
	struct error err = { 0 };

	(void)close(mkstemp(path));
	EXPECT_OK(parse("/nonexistent", &from_code, &err), &err);
	EXPECT_INT(write_section(path), ==, KEYS);
	EXPECT_OK(parse(path, &from_table, &err), &err);
	(void)unlink(path);
	EXPECT_INT(from_table.max_cages, ==, from_code.max_cages);
	EXPECT_INT(from_table.reserve.mib, ==, from_code.reserve.mib);
	EXPECT_INT(from_table.reserve.files, ==, from_code.reserve.files);
	EXPECT_INT(from_table.reserve.percent, ==, from_code.reserve.percent);
	EXPECT_INT(from_code.reserve.mib, ==, 512);
}

TEST(a_reserve_of_nothing_is_refused)
{
	char path[] = "/tmp/claw-sandbox-options-XXXXXX";
	struct sandbox_options options;
	int fd = mkstemp(path);

	EXPECT_INT(dir_write_all(fd, "[sandbox]\nreserve_mib = 0\n", 26), ==, 0);
	(void)close(fd);
	EXPECT_INT(parse(path, &options, NULL), ==, -EINVAL);
	(void)unlink(path);
}
