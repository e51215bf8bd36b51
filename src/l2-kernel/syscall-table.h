/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * syscall-table - spec/tables/syscalls as C (made by tools/syscalls-c).
 */
#pragma once

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum { SYSCALL_PROFILES = 7 };

enum syscall_rule {
	SYSCALL_NONE,  /* does not exist */
	SYSCALL_ALLOW, /* every argument */
	SYSCALL_DENY,
	SYSCALL_OPEN, /* the rest: with a rule on arguments, see seccomp-filter.c */
	SYSCALL_MODE,
	SYSCALL_CLONE,
	SYSCALL_THREAD,
	SYSCALL_PRCTL,
	SYSCALL_PRCTL_RIGHTS,
	SYSCALL_IOCTL,
	SYSCALL_PERSONALITY,
	SYSCALL_SOCKET_LOCAL,
	SYSCALL_SOCKET_NETWORK,
};

struct syscall_row {
	const char *name;
	uint8_t rules[SYSCALL_PROFILES]; /* enum syscall_rule, in the order of syscall_profiles */
};

extern const char *const syscall_profiles[]; /* NULL-terminated */
extern const struct syscall_row syscall_table[];
extern const size_t syscall_table_count;
