/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/llm-pace.h"

#include "base/clock.h"

#include <assert.h>
#include <sched.h>

#define WINDOW_US (100 * CLOCK_MSEC_US)
#define SPAN_US (1 * CLOCK_SECOND_US) /* what is looked at, at most: disturbances are short */
#define PAUSE_FIRST_US (2 * CLOCK_SECOND_US)
#define PAUSE_LONGEST_US (60 * CLOCK_SECOND_US)

/* Two threads that share two processors with one other get two thirds. */
enum { SHARE_PERCENT_MIN = 75, PERCENT = 100 };

void llm_pace_init(struct llm_pace *pace, uint32_t most)
{
	assert(most > 0);
	*pace = (struct llm_pace){ .most = most, .threads = 1, .pause_us = PAUSE_FIRST_US };
}

uint32_t llm_pace_begin(struct llm_pace *pace, uint64_t now_us, uint64_t cpu_us)
{
	pace->began_us = now_us;
	pace->began_cpu_us = cpu_us;
	pace->threads = now_us >= pace->again_us ? pace->most : 1;
	return pace->threads;
}

bool llm_pace_look(struct llm_pace *pace, uint64_t now_us, uint64_t cpu_us)
{
	uint64_t wall_us = now_us - pace->began_us, got_us = cpu_us - pace->began_cpu_us;

	if (pace->threads == 1 || wall_us < WINDOW_US)
		return true;
	if (got_us * PERCENT >= wall_us * pace->threads * SHARE_PERCENT_MIN) {
		if (wall_us < SPAN_US)
			return true;
		pace->pause_us = PAUSE_FIRST_US;
		pace->began_us = now_us;
		pace->began_cpu_us = cpu_us;
		return true;
	}
	pace->again_us = now_us + pace->pause_us;
	pace->pause_us *= 2;
	if (pace->pause_us > PAUSE_LONGEST_US)
		pace->pause_us = PAUSE_LONGEST_US;
	return false;
}

uint32_t llm_pace_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
}
