/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * landlock - a second layer over what the mounts allow (L2).
 *
 * The highest ABI of the running kernel is used: files always, TCP from ABI 4, device ioctls from
 * 5, scoped signals and abstract sockets from 6. A kernel without Landlock is an error
 * (-EOPNOTSUPP).
 *
 * Errors     The errno of the kernel; the text names the path.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum landlock_right {
	LANDLOCK_READ = 1 << 0,  /* read files, list directories */
	LANDLOCK_WRITE = 1 << 1, /* write, create, remove, rename, truncate */
	LANDLOCK_EXECUTE = 1 << 2,
	LANDLOCK_DEVICE = 1 << 3, /* write and ioctl of what exists, nothing is created */
};

struct landlock_path {
	const char *path;
	unsigned rights; /* enum landlock_right */
	bool optional;   /* passed over when it does not exist */
};

enum landlock_flag {
	LANDLOCK_TCP = 1 << 0, /* TCP is left to other layers (claw-egressd) */
	LANDLOCK_OUTWARD =
		1 << 1, /* signals and abstract sockets to processes outside are allowed */
};

/* The kernel's ABI, or -EOPNOTSUPP. */
must_check int landlock_abi(void);

/* Restricts the calling process for good. no_new_privs must be set. */
must_check int landlock_restrict(const struct landlock_path *paths, size_t n_paths, unsigned flags,
				 struct error *err);
