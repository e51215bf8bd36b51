/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage-ground - what all cages of one claw-sandboxd share: the root they start from and the
 * compiled filters (L2).
 *
 * The shared root is mounted once, read-only, below mount_point in the caller's own mount
 * namespace: /usr of the base, the two programs, a small /etc, /dev. Each cage clones it and adds
 * /proc, /tmp and its view of a workspace.
 *
 * Needs      CAP_SYS_ADMIN.
 * Errors     The errno of the kernel; nothing is kept after an error.
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/cage-cgroup.h"
#include "l2-kernel/launch-record.h"

#include <stdbool.h>
#include <stdint.h>

struct seccomp_filter;

enum { CAGE_PATH_BYTES = 256, CAGE_GROUND_MARKS = 5 };

struct cage_ground {
	char root[CAGE_PATH_BYTES]; /* path of the shared root in this mount namespace */
	int root_fd;                /* the shared root itself */
	int mounts_fd;              /* folder for the mounts of workspaces */
	struct seccomp_filter *filters[LAUNCH_PROFILE_END];
	struct seccomp_filter *nameless; /* for cages that may not reach sockets by name */
	struct cage_cgroups cgroups;
};

struct cage_ground_options {
	const char *mount_point; /* a directory, made when its parent allows; hidden by a tmpfs */
	const char *bin;         /* folder of claw-toolwork and claw-cageprobe */
	const char *cgroups;     /* where cgroup file systems are mounted, if they are */
};

/* Leaves the caller in a mount namespace of its own. */
must_check int cage_ground_open(const struct cage_ground_options *options, struct cage_ground *ret,
				struct error *err);
void cage_ground_fini(struct cage_ground *ground);

/* What the shared root stands on: /usr of the base and the two programs. */
struct cage_ground_stamp {
	struct cage_ground_mark {
		uint64_t device, inode, bytes, modified_ns, changed_ns;
	} marks[CAGE_GROUND_MARKS];
};

/*
 * Looks at it as it is now: what was proven of a cage holds for an equal stamp. -ESTALE when the
 * base was removed under the mounts (a new one at the same place is not seen through them).
 */
must_check int cage_ground_look(const struct cage_ground *ground, struct cage_ground_stamp *ret,
				struct error *err);
bool cage_ground_is_same(const struct cage_ground_stamp *a, const struct cage_ground_stamp *b);
