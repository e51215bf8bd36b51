/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rootfs - a minimal root on tmpfs, made from a table (L2).
 *
 * Used twice: `claw up` gives each daemon its root, claw-sandboxd gives each cage its root. Only
 * the new mount API is used (open_tree, fsopen, move_mount, mount_setattr), nothing is mounted by a
 * path that could change between two looks: each source is opened once and cloned from its
 * descriptor. Every bind is nosuid; nodev and read-only unless its flags say otherwise.
 *
 * Usual order for a daemon, in a forked child:
 *     rootfs_separate()  own mount namespace, nothing propagates
 *     rootfs_become()    the new root is "/", the old one is gone, cwd is "/"
 *     confine_apply()    (confine.h)
 *     execve("/clawos/bin/…")
 *
 * Needs      CAP_SYS_ADMIN in the user namespace of the mount namespace; Linux 5.12 or newer.
 *            The caller must not be in a chroot (pivot_root(2) refuses).
 * Ownership  Plans and what they point to are borrowed for the call.
 * Errors     The errno of the kernel; the text names the bind and the step. After an error the
 *            mount namespace is half made: the process must end.
 * Tests      tests/unit/l2-kernel/test-rootfs.c (root), tests/process/test-cage.py.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum rootfs_flag {
	ROOTFS_WRITABLE = 1 << 0,
	ROOTFS_DEVICES = 1 << 1, /* device nodes work below it */
	ROOTFS_NOEXEC = 1 << 2,
	ROOTFS_SHALLOW = 1 << 3,  /* without the mounts below the source */
	ROOTFS_OPTIONAL = 1 << 4, /* left out when the source does not exist */
	ROOTFS_DETACHED = 1 << 5, /* source_fd is a detached mount already: attached as it is */
	ROOTFS_NOLINK = 1 << 6,   /* a source with a link on its way counts as gone */
};

struct rootfs_bind {
	/* Absolute; or relative to source_fd; or NULL: source_fd itself. A file or a directory. */
	const char *source;
	int source_fd;
	const char *target; /* in the new root, "usr" or "clawos/run/agent"; parents are made */
	unsigned flags;     /* enum rootfs_flag */
	int idmap_fd;       /* user namespace that maps ids on disk to ids seen; 0: none */
};

struct rootfs_link {
	const char *path, *target;
};

struct rootfs_file {
	const char *path, *content; /* a small file, mode 0444 */
};

enum rootfs_proc {
	ROOTFS_PROC_NONE,
	ROOTFS_PROC_PLAIN,  /* nosuid, nodev, noexec */
	ROOTFS_PROC_HIDDEN, /* and hidepid=invisible, subset=pid */
};

struct rootfs_plan {
	const struct rootfs_bind *binds;
	size_t n_binds;
	const struct rootfs_link *links;
	size_t n_links;
	const struct rootfs_file *files;
	size_t n_files;
	const char *const *dirs; /* empty directories, NULL-terminated; may be NULL */
	bool usr_links;          /* bin lib lib64 sbin -> usr/… where usr has them */
	bool dev; /* null zero full random urandom tty, fd stdin stdout stderr, shm */
	enum rootfs_proc proc;
	uint32_t tmp_mib; /* size limit of /tmp (mode 1777); 0: no /tmp */
};

/* Own mount namespace, every mount private. */
must_check int rootfs_separate(struct error *err);

/*
 * Mounts the new root at the existing directory `at` and returns a descriptor of it. The root
 * itself ends read-only (binds and /tmp keep their own flags).
 */
must_check int rootfs_build(const struct rootfs_plan *plan, const char *at, struct error *err);

/* pivot_root into the mounted directory root_fd; the old root is detached, cwd is "/". */
must_check int rootfs_enter(int root_fd, struct error *err);

/* Build over "/" and enter. */
must_check int rootfs_become(const struct rootfs_plan *plan, struct error *err);

/* Single mounts, for roots that are put together from ready pieces: a detached mount or -errno. */
must_check int rootfs_clone_bind(const struct rootfs_bind *bind, struct error *err);
must_check int rootfs_new_proc(enum rootfs_proc kind, struct error *err);
must_check int rootfs_new_tmpfs(uint64_t size_kib, mode_t mode, struct error *err);
must_check int rootfs_attach(int mount_fd, int root_fd, const char *target, struct error *err);
