/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/agentd-config.h"

#include "base/buf.h"
#include "base/dir.h"
#include "harness/tap.h"

static struct agentd_config loaded(const char *text)
{
	struct agentd_config config = { 0 };
	struct error err = { 0 };

	EXPECT_OK(config_load(&agentd_config_table, "test", text, &config, &err), &err);
	return config;
}

/* The rows of [agent] in spec/tables/quotas, as a configuration file. */
static char *quotas(void)
{
	struct buf text = BUF(1 << 16);
	int fd = dir_open_configured(getenv("CLAW_SPEC"), O_RDONLY | O_DIRECTORY, 0);
	const char *section;
	char *end;

	EXPECT_INT(dir_read(fd, "tables/quotas", &text), ==, 0);
	close_fd(&fd);
	section = strstr(buf_string(&text), "\n[agent]");
	EXPECT_INT(section != NULL, ==, 1);
	end = strstr(section + 2, "\n[");
	if (end)
		*end = '\0';
	end = strdup(section);
	buf_free(&text);
	return end;
}

TEST(the_table_of_quotas_says_the_defaults)
{
	char *text = quotas();
	struct agentd_config table = loaded(text), defaults = loaded(NULL);

	EXPECT_INT(table.max_iterations, ==, defaults.max_iterations);
	EXPECT_INT(table.loop_rounds, ==, defaults.loop_rounds);
	EXPECT_INT(table.threads_max, ==, defaults.threads_max);
	EXPECT_INT(table.queue_max, ==, defaults.queue_max);
	EXPECT_INT(table.turns_max, ==, defaults.turns_max);
	EXPECT_INT(table.exchanges_max, ==, defaults.exchanges_max);
	EXPECT_INT(table.message_kib, ==, defaults.message_kib);
	EXPECT_INT(table.conversation_kib, ==, defaults.conversation_kib);
	EXPECT_INT(table.question_timeout_s, ==, defaults.question_timeout_s);
	EXPECT_INT(table.turn_timeout_s, ==, defaults.turn_timeout_s);
	EXPECT_INT(table.tool_timeout_s, ==, defaults.tool_timeout_s);
	EXPECT_INT(table.cages_max, ==, defaults.cages_max);
	EXPECT_INT(table.daemon_timeout_s, ==, defaults.daemon_timeout_s);
	EXPECT_INT(table.tool_memory_mib, ==, defaults.tool_memory_mib);
	EXPECT_INT(table.segment_mib, ==, defaults.segment_mib);
	EXPECT_INT(table.snapshot_kib, ==, defaults.snapshot_kib);
	config_free(&agentd_config_table, &table);
	config_free(&agentd_config_table, &defaults);
	free(text);
}

TEST(a_zone_that_is_none_is_utc_and_one_that_is_stays)
{
	static const char *const names[][2] = { { "CET-1CEST", "UTC" },
						{ ":UTC", "UTC" },
						{ "+02:00", "+02:00" } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct agentd_config config = { .zone = strdup(names[i][0]) };
		struct error err = { 0 };

		EXPECT_INT(config.zone != NULL, ==, 1);
		EXPECT_OK(agentd_config_settle_zone(&config, &err), &err);
		EXPECT_STR(config.zone, names[i][1]);
		free(config.zone);
	}
}

TEST(an_unknown_key_is_refused_with_its_line)
{
	struct agentd_config config = { 0 };
	struct error err = { 0 };

	EXPECT_INT(config_load(&agentd_config_table, "conf", "[agent]\nqueue = 3\n", &config, &err),
		   ==, -EINVAL);
	EXPECT_INT(strncmp(err.text, "conf:2: ", 8), ==, 0);
	EXPECT_INT(config_load(&agentd_config_table, "conf", "[agent]\nmax_iterations = 1\n",
			       &config, &err),
		   ==, -EINVAL);
	config_free(&agentd_config_table, &config);
}
