/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/quotas.h"

#include "base/buf.h"
#include "base/dir.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

enum { TABLE_BYTES = 65536 };

/* The section [fs] of spec/tables/quotas; returns the number of its keys. */
static unsigned read_section(struct buf *out)
{
	static char whole[TABLE_BYTES];
	char path[4096], *rest = whole;
	auto_buf struct buf text = BUF(TABLE_BYTES - 1);
	bool inside = false;
	unsigned n = 0;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/tables/quotas", getenv("CLAW_SPEC"));
	fd = dir_open_configured(path, O_RDONLY, 0);
	EXPECT_INT(fd, >=, 0);
	EXPECT_INT(dir_read_fd(fd, &text), ==, 0);
	memcpy(whole, text.data, text.length + 1);
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (line[0] == '[')
			inside = strcmp(line, "[fs]") == 0;
		if (!inside || line[0] == '#')
			continue;
		n += strchr(line, '=') != NULL;
		EXPECT_INT(buf_printf(out, "%s\n", line), ==, 0);
	}
	(void)close(fd);
	return n;
}

TEST(the_defaults_are_those_of_the_table)
{
	auto_buf struct buf section = BUF(TABLE_BYTES);
	struct quotas from_code, from_table;
	struct error err = { 0 };

	EXPECT_INT(read_section(&section), ==, quotas_table.n_items);
	quotas_default(&from_code);
	EXPECT_OK(config_load(&quotas_table, "quotas", buf_string(&section), &from_table, &err),
		  &err);
	EXPECT_INT(memcmp(&from_code, &from_table, sizeof(from_code)), ==, 0);
}

TEST(a_limit_of_nothing_is_refused)
{
	struct quotas quotas;

	EXPECT_INT(config_load(&quotas_table, "c", "[fs]\ndocument_bytes = 0\n", &quotas, NULL), ==,
		   -EINVAL);
	EXPECT_INT(config_load(&quotas_table, "c", "[fs]\nversions = 0\n", &quotas, NULL), ==,
		   -EINVAL);
	EXPECT_INT(config_load(&quotas_table, "c", "[fs]\ndocumets = 5\n", &quotas, NULL), ==,
		   -EINVAL);
}
