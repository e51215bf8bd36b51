/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage-probe - what claw-cageprobe tells claw-sandboxd on descriptor 3 (L2).
 *
 * One record, when every attempt has been made. An attempt that could not be made counts as failed:
 * what was not tried is not proven.
 */
#pragma once

#include "l2-kernel/namespaces.h"

#include <assert.h>
#include <stdint.h>

enum {
	PROBE_VERSION = 2,
	PROBE_ATTEMPTS = 85, /* rows of the table in probe-attempts.c */
	PROBE_NAME_BYTES = 32,
};

struct probe_report {
	uint32_t version;
	uint32_t tried, failed;
	uint32_t reserved;                   /* 0 */
	uint64_t namespaces[NAMESPACES_N];   /* the probe's own, 0 where it cannot see them */
	char first_failed[PROBE_NAME_BYTES]; /* "" when none */
};
static_assert(sizeof(struct probe_report) == 104, "probe_report has no padding");
