/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/idmap.h"

#include "base/cleanup.h"
#include "base/dir.h"

#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int write_proc(pid_t pid, const char *name, const char *text, struct error *err)
{
	char path[48];
	auto_fd int fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", pid, name); /* fits */
	fd = dir_open_configured(path, O_WRONLY, 0);
	r = fd < 0 ? fd : dir_write_all(fd, text, strlen(text));
	return r < 0 ? FAIL(err, r, "idmap: %s: %s", name, strerror(-r)) : 0;
}

int idmap_write(pid_t pid, uid_t inside_uid, gid_t inside_gid, struct error *err)
{
	char map[48];
	int r = write_proc(pid, "setgroups", "deny", err);

	(void)snprintf(map, sizeof(map), "%u %d 1", inside_gid, CAGE_ID); /* fits */
	if (r == 0)
		r = write_proc(pid, "gid_map", map, err);
	(void)snprintf(map, sizeof(map), "%u %d 1", inside_uid, CAGE_ID); /* fits */
	if (r == 0)
		r = write_proc(pid, "uid_map", map, err);
	return r;
}

static int open_namespace(pid_t pid, struct error *err)
{
	char path[48];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", pid); /* fits */
	/* openat2's RESOLVE_NO_MAGICLINKS would refuse what this file is */
	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? FAIL(err, -errno, "idmap: user namespace: %m") : fd;
}

int idmap_open(uid_t disk_uid, gid_t disk_gid, struct error *err)
{
	struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };
	int pair[2], fd, r;
	char hold;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return FAIL(err, -errno, "idmap: %m");
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		/* lives until the parent has the namespace, or is gone */
		(void)close(pair[1]);
		(void)!read(pair[0], &hold, 1);
		_exit(0);
	}
	(void)close(pair[0]);
	if (pid < 0) {
		r = -errno;
		(void)close(pair[1]);
		return FAIL(err, r, "idmap: user namespace: %s", strerror(-r));
	}
	r = idmap_write(pid, disk_uid, disk_gid, err);
	fd = r < 0 ? r : open_namespace(pid, err);
	(void)close(pair[1]);
	(void)waitpid(pid, NULL, 0); /* it ends with the pipe */
	return fd;
}
