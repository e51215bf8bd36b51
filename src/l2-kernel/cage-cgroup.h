/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage-cgroup - memory and number of processes of a whole cage, bounded by cgroups where the
 * machine has them (L2).
 *
 * v2 where it holds the controller, else v1, each controller for itself; below clawos.slice/tools,
 * one group per cage. Whether it works is tried once with a child of our own; where it does not,
 * the rlimits of the profile are what bounds, and STATUS says so. Once tried, a cage whose group
 * cannot be made is refused.
 *
 * Ownership  A cage's groups are removed by cage_cgroup_leave(), those of a killed predecessor by
 *            cage_cgroups_open().
 * Errors     The errno of the file system; the text names the file.
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/launch-record.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CONTROLLERS };

struct cage_cgroups {
	int folder_fds[CGROUP_CONTROLLERS]; /* …/clawos.slice/tools; -1: not there */
	enum launch_bound bounds[CGROUP_CONTROLLERS];
	bool shared; /* both controllers in one v2 hierarchy: one group per cage */
};

struct cage_cgroup {
	char name[24]; /* "": the cage is in none */
};

/* root: where cgroup file systems are mounted (/sys/fs/cgroup). *ret is usable in any case. */
void cage_cgroups_open(const char *root, struct cage_cgroups *ret);
void cage_cgroups_fini(struct cage_cgroups *groups);

/* Makes the groups with their limits and moves the process in. */
must_check int cage_cgroup_enter(const struct cage_cgroups *groups, pid_t pid, uint32_t memory_mib,
				 uint32_t processes, struct cage_cgroup *ret, struct error *err);

/* Removes them. True when the kernel killed a process for the memory limit. */
bool cage_cgroup_leave(const struct cage_cgroups *groups, struct cage_cgroup *cgroup);
