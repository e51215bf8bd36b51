/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-pace - with how many threads a prompt is read: all processors when they are free, else one
 * (L6).
 *
 * The engine's threads wait for each other after each small step by spinning. On a quiet machine
 * two read almost twice as fast; as soon as one is not given a processor the others burn theirs,
 * and all are slower than one alone. How much processor time they got of what they asked for tells
 * that within a tenth of a second. Then the work is done by one, and more are tried again later.
 *
 * Units      Microseconds of a monotonic clock and of the process's own processor time.
 * Tests      tests/unit/l6-agent/test-llm-pace.c
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct llm_pace {
	uint32_t most;    /* threads, when processors are free */
	uint32_t threads; /* of the work that is under way */
	uint64_t began_us, began_cpu_us;
	uint64_t again_us, pause_us; /* when more than one is tried next, and how long a pause is */
};

/* most: at least 1. */
void llm_pace_init(struct llm_pace *pace, uint32_t most);

/* Work begins; returns the number of threads for it. */
uint32_t llm_pace_begin(struct llm_pace *pace, uint64_t now_us, uint64_t cpu_us);

/* In the middle of it; false: stop, and begin again (with one thread). */
bool llm_pace_look(struct llm_pace *pace, uint64_t now_us, uint64_t cpu_us);

/* The processors this process may use. */
uint32_t llm_pace_processors(void);
