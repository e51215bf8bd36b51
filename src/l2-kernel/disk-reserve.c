/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/disk-reserve.h"

#include <errno.h>
#include <sys/statvfs.h>

enum { MIB_BITS = 20, WHOLE_PERCENT = 100 };

static uint64_t kept(uint64_t whole, uint64_t percent, uint64_t most)
{
	uint64_t share = whole / WHOLE_PERCENT * percent;

	return share < most ? share : most;
}

int disk_reserve_check(const struct disk_reserve *reserve, int fd, uint64_t *ret_spare_bytes,
		       struct error *err)
{
	struct statvfs fs;
	uint64_t left, wanted;

	if (fstatvfs(fd, &fs) < 0)
		return FAIL(err, -errno, "the workspace's file system: %m");
	left = fs.f_favail;
	wanted = kept(fs.f_files, reserve->percent, reserve->files);
	if (fs.f_files > 0 && left < wanted) /* some file systems do not count */
		return FAIL(err, -ENOSPC,
			    "the workspace's disk has room for %llu more files; %llu are kept "
			    "([sandbox] reserve_files)",
			    (unsigned long long)left, (unsigned long long)wanted);
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	wanted = kept((uint64_t)fs.f_blocks * fs.f_frsize, reserve->percent,
		      reserve->mib << MIB_BITS);
	if (left < wanted)
		return FAIL(err, -ENOSPC,
			    "the workspace's disk has %llu MiB left; %llu are kept free "
			    "([sandbox] reserve_mib)",
			    (unsigned long long)(left >> MIB_BITS),
			    (unsigned long long)(wanted >> MIB_BITS));
	*ret_spare_bytes = left - wanted;
	return 0;
}
