/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "harness/tap.h"
#include "l2-kernel/probe-attempts.h"
#include "l2-kernel/probe-checks.h"

TEST(every_attempt_has_a_name_of_its_own_that_fits)
{
	for (size_t i = 0; i < PROBE_ATTEMPTS; i++) {
		EXPECT_INT(probe_attempts[i].name == NULL, ==, 0);
		EXPECT_INT(strlen(probe_attempts[i].name), <, PROBE_NAME_BYTES);
		for (size_t j = 0; j < i; j++)
			EXPECT_INT(strcmp(probe_attempts[i].name, probe_attempts[j].name), !=, 0);
	}
}

TEST(attempts_that_work_somewhere_are_checks_not_bare_calls)
{
	for (size_t i = 0; i < PROBE_ATTEMPTS; i++)
		if (probe_attempts[i].works)
			EXPECT_INT(probe_attempts[i].make == NULL, ==, 0);
}

/* A test process is in no cage: what must not be there is found, so a check that cannot find fails
 * here. */
TEST(outside_a_cage_the_forbidden_is_found)
{
	EXPECT_INT(probe_other_id(), ==, 0);
	EXPECT_INT(probe_unfiltered(), ==, 0);
	EXPECT_INT(probe_securebits(), ==, 0);
	EXPECT_INT(probe_descriptors(), ==, 0);
	EXPECT_INT(probe_environment(), ==, 0);
	EXPECT_INT(probe_processes(), ==, 0);
	EXPECT_INT(probe_parent(), ==, 0);
	EXPECT_INT(probe_run_program(), ==, 0);
	EXPECT_INT(probe_write_tmp(), ==, 0);
}
