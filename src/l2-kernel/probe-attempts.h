/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * probe-attempts - the table of what claw-cageprobe tries (L2).
 *
 * Each row is one attempt: negative when it was refused, else it was done (or the thing that must
 * not be there was found, or the kernel looked at arguments that are wrong on purpose). A row is
 * refused in every cage but those of `works`, where it has to succeed: a cage in which nothing
 * works would prove nothing.
 */
#pragma once

#include "l2-kernel/cage-probe.h"

#include <stdbool.h>
#include <stdint.h>

enum probe_kind {
	PROBE_READ = 1 << 0,
	PROBE_WRITE = 1 << 1,
	PROBE_EXECUTE = 1 << 2,
	PROBE_VIEW_WRITABLE = 1 << 3,
	PROBE_ALL = PROBE_READ | PROBE_WRITE | PROBE_EXECUTE,
};

struct probe_attempt {
	const char *name;  /* shorter than PROBE_NAME_BYTES */
	int (*make)(void); /* NULL: the system call below */
	unsigned works;    /* set of enum probe_kind */
	long call;
	int stop; /* errno of a call whose arguments are wrong on purpose, when it is let in */
	uintptr_t arguments[5];
};

/* -errno when it was refused, else 0: done, or stopped by its own arguments alone. */
int probe_attempt_make(const struct probe_attempt *attempt);

extern const struct probe_attempt probe_attempts[PROBE_ATTEMPTS];

/* Bound by claw-sandboxd outside while a test runs: an abstract socket no cage may reach. */
#define PROBE_OUTSIDE_SOCKET "clawos-cage-probe"
