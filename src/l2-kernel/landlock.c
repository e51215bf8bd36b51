/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/landlock.h"

#include "base/cleanup.h"
#include "base/dir.h"

#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define READ_ALL (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define EXECUTE_FILE LANDLOCK_ACCESS_FS_EXECUTE
#define WRITE_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

#define WRITE_ALL \
	(WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)
#define DEVICE_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define FILE_RIGHTS (READ_FILE | EXECUTE_FILE | WRITE_FILE | LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define NEVER (LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)
#define TCP_RIGHTS (LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP)
#define SCOPES (LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL)

enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_TCP = 4, ABI_IOCTL = 5, ABI_SCOPE = 6 };

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 1 ? -EOPNOTSUPP : (int)abi;
}

static uint64_t handled_files(int abi)
{
	uint64_t handled =
		READ_ALL | EXECUTE_FILE | WRITE_ALL | LANDLOCK_ACCESS_FS_IOCTL_DEV | NEVER;

	if (abi < ABI_REFER)
		handled &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
	if (abi < ABI_TRUNCATE)
		handled &= ~(uint64_t)LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi < ABI_IOCTL)
		handled &= ~(uint64_t)LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return handled;
}

static uint64_t granted(unsigned rights, bool is_directory)
{
	uint64_t allowed = 0;

	if (rights & LANDLOCK_READ)
		allowed |= READ_ALL;
	if (rights & LANDLOCK_WRITE)
		allowed |= WRITE_ALL;
	if (rights & LANDLOCK_EXECUTE)
		allowed |= EXECUTE_FILE;
	if (rights & LANDLOCK_DEVICE)
		allowed |= DEVICE_FILE;
	return is_directory ? allowed : allowed & FILE_RIGHTS;
}

static int add_path(int ruleset_fd, const struct landlock_path *path, uint64_t handled,
		    struct error *err)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = -1 };
	auto_fd int fd = dir_open_configured(path->path, O_PATH, 0);
	struct stat st;

	if (fd == -ENOENT && path->optional)
		return 0;
	if (fd < 0)
		return FAIL(err, fd, "landlock: %s: %s", path->path, strerror(-fd));
	if (fstat(fd, &st) < 0)
		return FAIL(err, -errno, "landlock: %s: %m", path->path);
	rule.parent_fd = fd;
	rule.allowed_access = granted(path->rights, S_ISDIR(st.st_mode)) & handled;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return FAIL(err, -errno, "landlock: rule for %s: %m", path->path);
	return 0;
}

int landlock_restrict(const struct landlock_path *paths, size_t n_paths, unsigned flags,
		      struct error *err)
{
	int abi = landlock_abi(), r;
	struct landlock_ruleset_attr attr = { 0 };
	auto_fd int fd = -1;

	if (abi < 0)
		return FAIL(err, abi, "landlock: this kernel has none (lsm=landlock)");
	attr.handled_access_fs = handled_files(abi);
	if (abi >= ABI_TCP && !(flags & LANDLOCK_TCP))
		attr.handled_access_net = TCP_RIGHTS;
	if (abi >= ABI_SCOPE && !(flags & LANDLOCK_OUTWARD))
		attr.scoped = SCOPES;
	/* an older kernel takes the longer struct as long as what it does not know is 0 */
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (fd < 0)
		return FAIL(err, -errno, "landlock: ruleset: %m");
	for (size_t i = 0; i < n_paths; i++) {
		r = add_path(fd, &paths[i], attr.handled_access_fs, err);
		if (r < 0)
			return r;
	}
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return FAIL(err, -errno, "landlock: %m");
	return 0;
}
