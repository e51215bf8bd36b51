/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * probe - what the running kernel really offers, found out by trying (L7).
 *
 * /sys and the kernel's configuration say what could be; these attempts say what is. Each runs the
 * system call itself, in a child where it would change the caller. Nothing is left behind.
 *
 * Errors     None: a probe that cannot run is PROBE_UNKNOWN with the reason in detail.
 * Tests      tests/process/test-claw-verbs.py (claw doctor).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum probe_state { PROBE_YES, PROBE_PARTLY, PROBE_NO, PROBE_UNKNOWN };
enum { PROBE_DETAIL_BYTES = 200 };

struct probe_result {
	enum probe_state state;
	char detail[PROBE_DETAIL_BYTES];
};

struct probe {
	const char *name;
	void (*run)(struct probe_result *ret);
	bool needed;         /* without it this version does not run safely, and refuses to */
	const char *without; /* what its absence means */
};

extern const struct probe probe_table[];
extern const size_t probe_table_count;

/* For probes: the state and its detail; a long detail is cut. */
void probe_set(struct probe_result *ret, enum probe_state state, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
