/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage-probe - what claw-cageprobe tells claw-sandboxd on descriptor 3 (L2).
 *
 * One record, when every attempt has been made. An attempt that could not be made counts as failed:
 * what was not tried is not proven.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

enum {
	PROBE_VERSION = 1,
	PROBE_ATTEMPTS = 85, /* rows of the table in probe-attempts.c */
	PROBE_NAME_BYTES = 32,
};

struct probe_report {
	uint32_t version;
	uint32_t tried, failed;
	char first_failed[PROBE_NAME_BYTES]; /* "" when none */
};
static_assert(sizeof(struct probe_report) == 44, "probe_report has no padding");
