/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sandbox-options - the command line and the [sandbox] section of claw-sandboxd (L2).
 *
 * Ownership  Paths are those of argv or static.
 * Errors     -EINVAL with a sentence.
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/disk-reserve.h"

#include <stdint.h>
#include <sys/types.h>

struct sandbox_options {
	const char *bin, *workspace, *workspaces, *mount_point, *cgroups;
	uid_t owner, agent;
	/* from the file */
	uint64_t max_cages;
	struct disk_reserve reserve;
};

/* Fills *ret from the defaults, argv and the file it names. */
must_check int sandbox_options_parse(char *const argv[], struct sandbox_options *ret,
				     struct error *err);
