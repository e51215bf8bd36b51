/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-config.h"

#include "base/buf.h"
#include "base/dir.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

TEST(the_table_of_quotas_says_every_default)
{
	struct buf text = BUF(1 << 16);
	int fd = dir_open_configured(getenv("CLAW_SPEC"), O_RDONLY | O_DIRECTORY, 0);
	struct llm_limits table = { 0 }, defaults = { 0 };
	struct error err = { 0 };
	char *section, *end;

	EXPECT_INT(dir_read(fd, "tables/quotas", &text), ==, 0);
	close_fd(&fd);
	section = strstr(text.data, "\n[llm]");
	EXPECT_INT(section != NULL, ==, 1);
	end = strstr(section + 2, "\n[");
	if (end)
		*end = '\0';
	for (size_t i = 0; i < llm_config_table.n_items; i++) {
		char row[64];

		(void)snprintf(row, sizeof(row), "\n%s = ", llm_config_table.items[i].key);
		if (!strstr(section, row))
			tap_fail(__FILE__, __LINE__, "[llm] has no row %s", row + 1);
	}
	EXPECT_OK(config_load(&llm_config_table, "quotas", section, &table, &err), &err);
	EXPECT_OK(config_load(&llm_config_table, "defaults", NULL, &defaults, &err), &err);
	EXPECT_INT(memcmp(&table, &defaults, sizeof(table)), ==, 0);
	buf_free(&text);
}
