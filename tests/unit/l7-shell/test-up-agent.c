/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/up-agent.h"

#include "base/dir.h"

#include "harness/folder.h"
#include "harness/tap.h"

#include <unistd.h>

TEST(a_state_becomes_default_once_and_stays_what_it_is)
{
	struct up_agent work = { .name = "work", .number = 3 }, read = { 0 };
	struct error err = { 0 };
	int fd = test_folder(NULL);

	EXPECT_INT(up_agent_read(fd, &read, &err), ==, -ENOENT);
	err = (struct error){ 0 };
	EXPECT_OK(up_agent_settle(fd, &read, &err), &err);
	EXPECT_STR(read.name, "default");
	EXPECT_INT(read.number, ==, 0);
	EXPECT_OK(up_agent_write(fd, &work, &err), &err);
	EXPECT_OK(up_agent_settle(fd, &read, &err), &err);
	EXPECT_STR(read.name, "work");
	EXPECT_INT(read.number, ==, 3);
	(void)close(fd);
}

TEST(a_damaged_file_is_never_another_agent)
{
	static const char *const texts[] = {
		"",
		"name=work\n",
		"name=work\nnumber=\n",
		"name=work\nnumber=0\n", /* default's uids under another name */
		"name=default\nnumber=1\n",
		"name=work\nnumber=33\n",
		"name=work\nnumber=1\nmore\n",
		"name=../x\nnumber=1\n",
		"name=0123456789012345678901234567890123456789\nnumber=1\n",
		"name=work\nnumber=11111111111111111111111111\n",
	};
	int fd = test_folder(NULL);

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct up_agent agent = { .name = "kept" };
		struct error err = { 0 };

		EXPECT_INT(dir_replace(fd, "agent", texts[i], strlen(texts[i]), 0600), ==, 0);
		EXPECT_INT(up_agent_settle(fd, &agent, &err), ==, -EBADMSG);
		EXPECT_STR(agent.name, "kept");
	}
	(void)close(fd);
}

TEST(no_two_agents_share_a_uid_and_none_reaches_that_of_the_tools)
{
	struct up_agent a = { .number = 0 }, b = { .number = 1 },
			last = { .number = UP_AGENTS_MAX };

	EXPECT_INT(up_agent_uid(&a, 64801), ==, 64801);
	EXPECT_INT(up_agent_uid(&b, 64801), ==, 64817);
	EXPECT_INT(up_agent_uid(&last, 64804), <, 65534);
	EXPECT_INT(up_agent_uid(&last, 0), ==, 0);
}
