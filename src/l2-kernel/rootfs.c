/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/rootfs.h"

#include "base/cleanup.h"
#include "base/dir.h"

#include <assert.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
	BINDS_MAX = 64,
	ROOT_KIB = 1024, /* the root itself holds names and a few small files */
	DIRECTORY_MODE = 0755,
	TMP_MODE = 01777,
	FILE_MODE = 0444,
};

static const char *const device_names[] = { "null", "zero", "full", "random", "urandom", "tty" };
static const struct rootfs_link device_links[] = {
	{ "dev/fd", "/proc/self/fd" },
	{ "dev/stdin", "/proc/self/fd/0" },
	{ "dev/stdout", "/proc/self/fd/1" },
	{ "dev/stderr", "/proc/self/fd/2" },
	{ "dev/shm", "/tmp" },
};
static const char *const usr_names[] = { "bin", "sbin", "lib", "lib64", "lib32", "libx32" };

int rootfs_separate(struct error *err)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };

	if (unshare(CLONE_NEWNS) < 0)
		return FAIL(err, -errno, "mount namespace: %m");
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return FAIL(err, -errno, "private propagation: %m");
	return 0;
}

/* An absolute path that was resolved once: a link in it was put there afterwards. */
static int open_unlinked(const char *path)
{
	auto_fd int top_fd = dir_open_configured("/", O_PATH | O_DIRECTORY, 0);
	int fd = top_fd < 0 ? top_fd : dir_open_nolink(top_fd, path[1] ? path + 1 : ".", O_PATH, 0);

	return fd == -ELOOP || fd == -ENOTDIR ? -ENOENT : fd;
}

static int open_source(const struct rootfs_bind *bind)
{
	int fd;

	if (!bind->source) {
		fd = fcntl(bind->source_fd, F_DUPFD_CLOEXEC, 0);
		return fd < 0 ? -errno : fd;
	}
	if (bind->source[0] == '/' && bind->flags & ROOTFS_NOLINK)
		return open_unlinked(bind->source);
	if (bind->source[0] == '/')
		return dir_open_configured(bind->source, O_PATH, 0);
	return dir_open(bind->source_fd, bind->source, O_PATH, 0);
}

static int set_attributes(int tree_fd, const struct rootfs_bind *bind)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID, .propagation = MS_PRIVATE };
	unsigned deep = bind->flags & ROOTFS_SHALLOW ? 0 : AT_RECURSIVE;

	if (!(bind->flags & ROOTFS_WRITABLE))
		attr.attr_set |= MOUNT_ATTR_RDONLY;
	if (!(bind->flags & ROOTFS_DEVICES))
		attr.attr_set |= MOUNT_ATTR_NODEV;
	if (bind->flags & ROOTFS_NOEXEC)
		attr.attr_set |= MOUNT_ATTR_NOEXEC;
	if (bind->idmap_fd > 0) {
		attr.attr_set |= MOUNT_ATTR_IDMAP;
		attr.userns_fd = (uint64_t)bind->idmap_fd;
	}
	return mount_setattr(tree_fd, "", AT_EMPTY_PATH | deep, &attr, sizeof(attr)) < 0 ? -errno
											 : 0;
}

int rootfs_clone_bind(const struct rootfs_bind *bind, struct error *err)
{
	const char *name = bind->source ? bind->source : bind->target;
	auto_fd int source_fd = -1, tree_fd = -1;
	unsigned deep = bind->flags & ROOTFS_SHALLOW ? 0 : AT_RECURSIVE;
	int r;

	if (bind->flags & ROOTFS_DETACHED) {
		tree_fd = fcntl(bind->source_fd, F_DUPFD_CLOEXEC, 0);
		return tree_fd < 0 ? FAIL(err, -errno, "%s: %m", name) : take_fd(&tree_fd);
	}
	source_fd = open_source(bind);
	if (source_fd < 0)
		return FAIL(err, source_fd, "%s: %s", name, strerror(-source_fd));
	tree_fd = open_tree(source_fd, "",
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | deep);
	if (tree_fd < 0)
		return FAIL(err, -errno, "clone of %s: %m", name);
	r = set_attributes(tree_fd, bind);
	if (r < 0)
		return FAIL(err, r, "%s of %s: %s", bind->idmap_fd > 0 ? "idmap" : "mount flags",
			    name, strerror(-r));
	return take_fd(&tree_fd);
}

static int finish_new(int fs_fd, unsigned attributes)
{
	int fd;

	if (fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, attributes);
	return fd < 0 ? -errno : fd;
}

int rootfs_new_proc(enum rootfs_proc kind, struct error *err)
{
	auto_fd int fs_fd = fsopen("proc", FSOPEN_CLOEXEC);
	int fd;

	if (fs_fd < 0)
		return FAIL(err, -errno, "proc: %m");
	if (kind == ROOTFS_PROC_HIDDEN &&
	    (fsconfig(fs_fd, FSCONFIG_SET_STRING, "hidepid", "invisible", 0) < 0 ||
	     fsconfig(fs_fd, FSCONFIG_SET_STRING, "subset", "pid", 0) < 0))
		return FAIL(err, -errno, "options of proc: %m");
	fd = finish_new(fs_fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? FAIL(err, fd, "proc: %s", strerror(-fd)) : fd;
}

int rootfs_new_tmpfs(uint64_t size_kib, mode_t mode, struct error *err)
{
	auto_fd int fs_fd = fsopen("tmpfs", FSOPEN_CLOEXEC);
	char size[32], mode_text[8];
	int fd;

	if (fs_fd < 0)
		return FAIL(err, -errno, "tmpfs: %m");
	(void)snprintf(size, sizeof(size), "%lluk", (unsigned long long)size_kib); /* fits */
	(void)snprintf(mode_text, sizeof(mode_text), "%o", mode & 07777);          /* fits */
	if (fsconfig(fs_fd, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
	    fsconfig(fs_fd, FSCONFIG_SET_STRING, "mode", mode_text, 0) < 0)
		return FAIL(err, -errno, "options of tmpfs: %m");
	fd = finish_new(fs_fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return fd < 0 ? FAIL(err, fd, "tmpfs: %s", strerror(-fd)) : fd;
}

static int open_below(int root_fd, const char *path)
{
	return dir_open_nolink(root_fd, path, O_PATH, 0);
}

/* Makes the directories above the last part of path; *ret is the descriptor of the deepest. */
static int make_parents(int root_fd, const char *path, const char **ret_name)
{
	auto_fd int at = open_below(root_fd, ".");

	for (;;) {
		const char *slash = strchr(path, '/');
		char name[NAME_MAX + 1];
		int next;

		if (at < 0 || !slash) {
			*ret_name = path;
			return take_fd(&at);
		}
		if (slash == path || (size_t)(slash - path) > NAME_MAX)
			return -EINVAL;
		memcpy(name, path, (size_t)(slash - path));
		name[slash - path] = '\0';
		if (mkdirat(at, name, DIRECTORY_MODE) < 0 && errno != EEXIST)
			return -errno;
		next = open_below(at, name);
		close_fd(&at);
		at = next;
		path = slash + 1;
	}
}

static int make_directory(int root_fd, const char *path)
{
	const char *name;
	auto_fd int parent = make_parents(root_fd, path, &name);

	if (parent < 0)
		return parent;
	return mkdirat(parent, name, DIRECTORY_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_file(int root_fd, const char *path, const char *content)
{
	const char *name;
	auto_fd int parent = make_parents(root_fd, path, &name), fd = -1;

	if (parent < 0)
		return parent;
	fd = dir_open_nolink(parent, name, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
	if (fd < 0)
		return fd == -EEXIST && !content ? 0 : fd;
	return content ? dir_write_all(fd, content, strlen(content)) : 0;
}

static int make_link(int root_fd, const struct rootfs_link *link)
{
	const char *name;
	auto_fd int parent = make_parents(root_fd, link->path, &name);

	if (parent < 0)
		return parent;
	return symlinkat(link->target, parent, name) < 0 ? -errno : 0;
}

int rootfs_attach(int mount_fd, int root_fd, const char *target, struct error *err)
{
	auto_fd int at = open_below(root_fd, target);

	if (at < 0)
		return FAIL(err, at, "mount point %s: %s", target, strerror(-at));
	if (move_mount(mount_fd, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return FAIL(err, -errno, "mount at %s: %m", target);
	return 0;
}

/* Attaches mount_fd, making the mount point first: a directory or a file, as the mount is. */
static int attach_made(int mount_fd, int root_fd, const char *target, struct error *err)
{
	struct stat st;
	int r;

	if (fstat(mount_fd, &st) < 0)
		return FAIL(err, -errno, "%s: %m", target);
	r = S_ISDIR(st.st_mode) ? make_directory(root_fd, target)
				: make_file(root_fd, target, NULL);
	if (r < 0)
		return FAIL(err, r, "mount point %s: %s", target, strerror(-r));
	return rootfs_attach(mount_fd, root_fd, target, err);
}

static int add_bind(int root_fd, const struct rootfs_bind *bind, struct error *err)
{
	auto_fd int fd = rootfs_clone_bind(bind, err);

	if (fd == -ENOENT && bind->flags & ROOTFS_OPTIONAL)
		return 0;
	return fd < 0 ? fd : attach_made(fd, root_fd, bind->target, err);
}

static int add_devices(int root_fd, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(device_names) / sizeof(device_names[0]) && r == 0; i++) {
		char source[32], target[32];
		const struct rootfs_bind bind = {
			.source = source,
			.target = target,
			.flags = ROOTFS_DEVICES | ROOTFS_NOEXEC | ROOTFS_WRITABLE,
		};

		(void)snprintf(source, sizeof(source), "/dev/%s", device_names[i]); /* fits */
		(void)snprintf(target, sizeof(target), "dev/%s", device_names[i]);  /* fits */
		r = add_bind(root_fd, &bind, err);
	}
	for (size_t i = 0; i < sizeof(device_links) / sizeof(device_links[0]) && r == 0; i++) {
		r = make_link(root_fd, &device_links[i]);
		if (r < 0)
			return FAIL(err, r, "%s: %s", device_links[i].path, strerror(-r));
	}
	return r;
}

/* bin -> usr/bin and so on, where usr has such a directory. */
static int add_usr_links(int root_fd, struct error *err)
{
	for (size_t i = 0; i < sizeof(usr_names) / sizeof(usr_names[0]); i++) {
		char target[16];
		const struct rootfs_link link = { usr_names[i], target };
		struct stat st;
		int r;

		(void)snprintf(target, sizeof(target), "usr/%s", usr_names[i]); /* fits */
		if (fstatat(root_fd, target, &st, 0) < 0)
			continue; /* this usr has none */
		r = make_link(root_fd, &link);
		if (r < 0)
			return FAIL(err, r, "link %s: %s", usr_names[i], strerror(-r));
	}
	return 0;
}

static int add_names(const struct rootfs_plan *plan, int root_fd, struct error *err)
{
	int r = 0;

	for (size_t i = 0; plan->dirs && plan->dirs[i]; i++) {
		r = make_directory(root_fd, plan->dirs[i]);
		if (r < 0)
			return FAIL(err, r, "directory %s: %s", plan->dirs[i], strerror(-r));
	}
	for (size_t i = 0; i < plan->n_files; i++) {
		r = make_file(root_fd, plan->files[i].path, plan->files[i].content);
		if (r < 0)
			return FAIL(err, r, "file %s: %s", plan->files[i].path, strerror(-r));
	}
	for (size_t i = 0; i < plan->n_links; i++) {
		r = make_link(root_fd, &plan->links[i]);
		if (r < 0)
			return FAIL(err, r, "link %s: %s", plan->links[i].path, strerror(-r));
	}
	return plan->usr_links ? add_usr_links(root_fd, err) : r;
}

static int add_proc(enum rootfs_proc kind, int root_fd, struct error *err)
{
	auto_fd int fd = rootfs_new_proc(kind, err);

	return fd < 0 ? fd : attach_made(fd, root_fd, "proc", err);
}

static int add_tmp(uint32_t mib, int root_fd, struct error *err)
{
	auto_fd int fd = rootfs_new_tmpfs(UINT64_C(1024) * mib, TMP_MODE, err);

	return fd < 0 ? fd : attach_made(fd, root_fd, "tmp", err);
}

static int fill(const struct rootfs_plan *plan, int root_fd, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < plan->n_binds && r == 0; i++)
		r = add_bind(root_fd, &plan->binds[i], err);
	if (r == 0)
		r = add_names(plan, root_fd, err);
	if (r == 0 && plan->dev)
		r = add_devices(root_fd, err);
	if (r == 0 && plan->proc != ROOTFS_PROC_NONE)
		r = add_proc(plan->proc, root_fd, err);
	if (r == 0 && plan->tmp_mib > 0)
		r = add_tmp(plan->tmp_mib, root_fd, err);
	return r;
}

int rootfs_build(const struct rootfs_plan *plan, const char *at, struct error *err)
{
	struct mount_attr sealed = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_fd int root_fd = -1;
	mode_t umask_before;
	int r;

	assert(plan->n_binds <= BINDS_MAX);
	root_fd = rootfs_new_tmpfs(ROOT_KIB, DIRECTORY_MODE, err);
	if (root_fd < 0)
		return root_fd;
	if (move_mount(root_fd, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return FAIL(err, -errno, "new root at %s: %m", at);
	umask_before = umask(0);
	r = fill(plan, root_fd, err);
	(void)umask(umask_before);
	if (r < 0)
		return r;
	if (mount_setattr(root_fd, "", AT_EMPTY_PATH, &sealed, sizeof(sealed)) < 0)
		return FAIL(err, -errno, "new root read-only: %m");
	return take_fd(&root_fd);
}

int rootfs_enter(int root_fd, struct error *err)
{
	if (fchdir(root_fd) < 0)
		return FAIL(err, -errno, "new root: %m");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return FAIL(err, -errno, "pivot_root: %m");
	if (umount2(".", MNT_DETACH) < 0)
		return FAIL(err, -errno, "old root: %m");
	if (chdir("/") < 0)
		return FAIL(err, -errno, "new root: %m");
	return 0;
}

int rootfs_become(const struct rootfs_plan *plan, struct error *err)
{
	auto_fd int root_fd = rootfs_build(plan, "/", err);

	return root_fd < 0 ? root_fd : rootfs_enter(root_fd, err);
}
