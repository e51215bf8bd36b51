/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/clock.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

static struct {
	bool on;
	uint64_t monotonic_us, realtime_us;
} fake;

static uint64_t now_us(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t) < 0)
		abort();
	return (uint64_t)t.tv_sec * CLOCK_SECOND_US + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void)
{
	return fake.on ? fake.monotonic_us : now_us(CLOCK_MONOTONIC);
}

uint64_t clock_realtime_us(void)
{
	return fake.on ? fake.realtime_us : now_us(CLOCK_REALTIME);
}

uint64_t clock_cpu_us(void)
{
	return now_us(CLOCK_PROCESS_CPUTIME_ID);
}

void clock_set_fake(uint64_t monotonic_us, uint64_t realtime_us)
{
	fake.on = true;
	fake.monotonic_us = monotonic_us;
	fake.realtime_us = realtime_us;
}
