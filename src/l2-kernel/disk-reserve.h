/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * disk-reserve - how much of a file system tools leave free (L2).
 *
 * A directory has no quota of its own: what bounds the files of a cage together is that none is
 * made with a writable workspace, and none goes on, when its file system has less left than the
 * reserve: the smaller of a fixed amount and a share of the whole, for bytes as for files (inodes).
 *
 * Source     spec/tables/quotas, [sandbox]
 * Tests      tests/process/test-disk.py, tests/unit/l2-kernel/test-sandbox-options.c
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct disk_reserve {
	uint64_t mib, files; /* kept free, at most */
	uint64_t percent;    /* of the file system, at most */
};

/*
 * Looks at the file system of fd (O_PATH will do). 0 and how many bytes may still be written;
 * -ENOSPC with a sentence when the reserve is touched.
 */
must_check int disk_reserve_check(const struct disk_reserve *reserve, int fd,
				  uint64_t *ret_spare_bytes, struct error *err);
