/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * clock - the only reader of time. Units are microseconds. Tests move time with clock_set_fake().
 */
#pragma once

#include <stdint.h>

#define CLOCK_SECOND_US UINT64_C(1000000)
#define CLOCK_MSEC_US UINT64_C(1000)

/* Since some point that is fixed while the system is up; never goes back. */
uint64_t clock_monotonic_us(void);
/* Since 1970; may jump. */
uint64_t clock_realtime_us(void);

/* Processor time of this process, all threads together. */
uint64_t clock_cpu_us(void);

/* From now on both clocks return these; advance by calling again. For tests only. */
void clock_set_fake(uint64_t monotonic_us, uint64_t realtime_us);
