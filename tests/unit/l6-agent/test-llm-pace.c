/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-pace.h"

#include "base/clock.h"
#include "harness/tap.h"

/* A machine whose processors are given to this process in part. */
struct machine {
	struct llm_pace pace;
	uint64_t now_us, cpu_us;
};

static struct machine machine(uint32_t most)
{
	struct machine made = { .now_us = 7 * CLOCK_SECOND_US, .cpu_us = CLOCK_SECOND_US };

	llm_pace_init(&made.pace, most);
	return made;
}

/* Work of so many ms in which the threads get percent of their time; false: it was stopped. */
static bool work(struct machine *on, unsigned ms, unsigned percent, uint32_t *ret_threads)
{
	*ret_threads = llm_pace_begin(&on->pace, on->now_us, on->cpu_us);
	for (unsigned i = 0; i < ms; i += 2) {
		on->now_us += 2 * CLOCK_MSEC_US;
		on->cpu_us += 2 * CLOCK_MSEC_US * *ret_threads * percent / 100;
		if (!llm_pace_look(&on->pace, on->now_us, on->cpu_us))
			return false;
	}
	return true;
}

TEST(on_a_quiet_machine_all_processors_read)
{
	struct machine on = machine(4);
	uint32_t threads;

	for (unsigned i = 0; i < 20; i++) {
		EXPECT_INT(work(&on, 700, 95, &threads), ==, 1);
		EXPECT_INT(threads, ==, 4);
	}
}

TEST(beside_other_work_one_reads_and_little_is_lost)
{
	struct machine on = machine(2);
	uint64_t began_us = on.now_us;
	uint32_t threads;

	EXPECT_INT(work(&on, 2000, 66, &threads), ==, 0);
	EXPECT_INT(threads, ==, 2);
	EXPECT_INT(on.now_us - began_us, <=, 110 * CLOCK_MSEC_US);
	EXPECT_INT(work(&on, 1000, 90, &threads), ==, 1);
	EXPECT_INT(threads, ==, 1);
}

TEST(more_are_tried_again_more_and_more_seldom)
{
	struct machine on = machine(2);
	unsigned tries = 0;
	uint32_t threads;

	while (on.now_us < 307 * CLOCK_SECOND_US) {
		(void)work(&on, 500, 50, &threads);
		tries += threads == 2;
	}
	EXPECT_INT(tries, >=, 5);
	EXPECT_INT(tries, <=, 12);
}

TEST(when_the_other_work_ends_all_read_again)
{
	struct machine on = machine(2);
	uint32_t threads = 0;

	(void)work(&on, 500, 50, &threads);
	for (unsigned i = 0; i < 10; i++)
		EXPECT_INT(work(&on, 500, 100, &threads), ==, 1);
	EXPECT_INT(threads, ==, 2);
}

TEST(one_processor_is_always_enough)
{
	struct machine on = machine(1);
	uint32_t threads;

	EXPECT_INT(work(&on, 2000, 10, &threads), ==, 1);
	EXPECT_INT(threads, ==, 1);
	EXPECT_INT(llm_pace_processors(), >=, 1);
}
