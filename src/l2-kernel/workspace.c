/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/workspace.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/number.h"
#include "l2-kernel/idmap.h"
#include "l2-kernel/rootfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

enum { NAME_BYTES = 16, FOLDER_MODE = 0700 };

static struct workspace *find(struct workspace_table *table, uint32_t id)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->rows[i].id == id)
			return &table->rows[i];
	return NULL;
}

const struct workspace *workspace_find(const struct workspace_table *table, uint32_t id)
{
	for (size_t i = 0; i < table->n; i++)
		if (table->rows[i].id == id)
			return &table->rows[i];
	return NULL;
}

static int idmap_mount(int tree_fd, const struct stat *st, struct error *err)
{
	auto_fd int idmap_fd = idmap_open(st->st_uid, st->st_gid, err);
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_IDMAP,
		.propagation = MS_PRIVATE,
		.userns_fd = (uint64_t)idmap_fd,
	};

	if (idmap_fd < 0)
		return idmap_fd;
	if (mount_setattr(tree_fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return 0;
	if (errno == EINVAL)
		return FAIL(err, -EINVAL, "idmap: the file system of this directory has none");
	return FAIL(err, -errno, "idmap: %m");
}

/* A detached mount of the directory that may be changed: a clone, or what the peer cloned itself.
 */
static int detach(int directory_fd, struct error *err)
{
	int fd = open_tree(directory_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (fd < 0 && errno == EINVAL)
		fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? FAIL(err, -errno, "workspace: %m") : fd;
}

static void name_of(uint32_t id, char ret[NAME_BYTES])
{
	(void)snprintf(ret, NAME_BYTES, "%u", id); /* fits */
}

static int mount_row(const struct workspace_table *table, uint32_t id, int directory_fd,
		     const struct stat *st, struct error *err)
{
	auto_fd int tree_fd = detach(directory_fd, err);
	char name[NAME_BYTES];
	int r;

	if (tree_fd < 0)
		return tree_fd;
	name_of(id, name);
	if (mkdirat(table->mounts_fd, name, FOLDER_MODE) < 0 && errno != EEXIST)
		return FAIL(err, -errno, "workspace: mount point: %m");
	r = idmap_mount(tree_fd, st, err);
	if (r == 0)
		r = rootfs_attach(tree_fd, table->mounts_fd, name, err);
	if (r < 0) {
		(void)unlinkat(table->mounts_fd, name, AT_REMOVEDIR); /* the error is known */
		return r;
	}
	return take_fd(&tree_fd);
}

int workspace_register(struct workspace_table *table, uint32_t id, int directory_fd, bool writable,
		       uid_t peer, struct error *err)
{
	struct workspace *known = find(table, id);
	struct stat st;
	int mount_fd;

	if (fstat(directory_fd, &st) < 0)
		return FAIL(err, -errno, "workspace: %m");
	if (!S_ISDIR(st.st_mode))
		return FAIL(err, -ENOTDIR, "a workspace is a directory");
	if (peer != 0 && st.st_uid != peer)
		return FAIL(err, -EPERM, "the directory belongs to uid %u, not to uid %u",
			    st.st_uid, peer);
	if (known) {
		if (known->device != st.st_dev || known->inode != st.st_ino)
			return FAIL(err, -EEXIST, "workspace %u is another directory", id);
		known->writable = writable;
		return 0;
	}
	if (table->n == WORKSPACES_MAX)
		return FAIL(err, -E2BIG, "more than %d workspaces", WORKSPACES_MAX);
	mount_fd = mount_row(table, id, directory_fd, &st, err);
	if (mount_fd < 0)
		return mount_fd;
	table->rows[table->n++] = (struct workspace){ .id = id,
						      .writable = writable,
						      .mount_fd = mount_fd,
						      .device = st.st_dev,
						      .inode = st.st_ino };
	return 0;
}

/* "<id>.ro" or "<id>.rw". One that can be none any more (what lies there has changed) is left out.
 */
static int register_named(struct workspace_table *table, int folder_fd, const char *name,
			  struct error *err)
{
	struct error why = { 0 };
	auto_fd int fd = -1;
	char digits[NAME_BYTES] = { 0 };
	size_t n = strcspn(name, ".");
	bool writable = strcmp(name + n, ".rw") == 0;
	uint64_t id;

	if (n >= sizeof(digits) || (!writable && strcmp(name + n, ".ro") != 0))
		return FAIL(err, -EINVAL, "workspace folder \"%s\" is not named ID.ro or ID.rw",
			    name);
	memcpy(digits, name, n);
	if (number_parse_u64(digits, 1, UINT32_MAX, &id) < 0)
		return FAIL(err, -EINVAL, "workspace folder \"%s\" is not named ID.ro or ID.rw",
			    name);
	fd = dir_open(folder_fd, name, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		log_warning("workspace %s is left out: %s", name, strerror(-fd));
	else if (workspace_register(table, (uint32_t)id, fd, writable, 0, &why) < 0)
		log_warning("workspace %s is left out: %s", name, why.text);
	return 0;
}

static void close_folder(DIR *folder)
{
	if (folder)
		(void)closedir(folder); /* it was only read */
}
DEFINE_CLEANUP(DIR *, close_folder)

int workspace_register_mounted(struct workspace_table *table, const char *path, struct error *err)
{
	CLEANUP(close_folder_ptr) DIR *folder = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!folder)
		return errno == ENOENT ? 0 : FAIL(err, -errno, "%s: %m", path);
	while (r == 0 && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			r = register_named(table, dirfd(folder), entry->d_name, err);
	return r;
}

int workspace_forget(struct workspace_table *table, uint32_t id, struct error *err)
{
	struct workspace *known = find(table, id);
	char name[NAME_BYTES], mounted[32];

	if (!known)
		return FAIL(err, -ENOENT, "no workspace %u", id);
	name_of(id, name);
	(void)snprintf(mounted, sizeof(mounted), "/proc/self/fd/%d", known->mount_fd); /* fits */
	/* cages that run keep their own clones */
	if (umount2(mounted, MNT_DETACH) < 0)
		return FAIL(err, -errno, "workspace %u: unmount: %m", id);
	close_fd(&known->mount_fd);
	*known = table->rows[--table->n];
	if (unlinkat(table->mounts_fd, name, AT_REMOVEDIR) < 0)
		return FAIL(err, -errno, "workspace %u: mount point: %m", id);
	return 0;
}

int workspace_view(const struct workspace *workspace, bool writable, struct error *err)
{
	const struct rootfs_bind bind = {
		.source_fd = workspace->mount_fd,
		.target = "workspace",
		.flags = ROOTFS_SHALLOW | (writable ? ROOTFS_WRITABLE : 0),
	};

	return rootfs_clone_bind(&bind, err);
}

void workspace_table_fini(struct workspace_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		close_fd(&table->rows[i].mount_fd);
	table->n = 0;
	close_fd(&table->mounts_fd);
}
