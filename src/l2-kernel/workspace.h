/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * workspace - the directories a cage may be given, by number (L2).
 *
 * A workspace is registered with a descriptor and never again looked up by name. 0 is the state's
 * own. Whoever registers one must own the directory: in the cage its owner's files are the cage's,
 * and files made there belong to the owner outside. The directory is mounted once, idmapped, below
 * a folder of claw-sandboxd's own mount namespace; each cage gets a clone of that mount.
 *
 * The descriptor is a directory of this mount namespace, or a detached clone (open_tree) of one of
 * another: a plain directory of another mount namespace cannot be mounted here.
 *
 * Ownership  Descriptors are borrowed for the call.
 * Errors     -EPERM not the peer's directory, -ENOTDIR, -EEXIST the id names another directory,
 *            -E2BIG too many, -ENOENT unknown id, -EINVAL the file system cannot be
 *            idmapped (there is no other way in); the text is a sentence.
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/launch-record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { WORKSPACES_MAX = 64 };

struct workspace {
	uint32_t id;
	bool writable;
	int mount_fd; /* the idmapped mount */
	dev_t device;
	ino_t inode;
};

struct workspace_table {
	int mounts_fd; /* folder for mount points; the table's */
	struct workspace rows[WORKSPACES_MAX];
	size_t n;
};

/* The same directory under the same id changes its mode. */
must_check int workspace_register(struct workspace_table *table, uint32_t id, int directory_fd,
				  bool writable, uid_t peer, struct error *err);

/*
 * Registers what the supervisor mounted below path: one directory per workspace, named "<id>.ro" or
 * "<id>.rw". No such path: none are known.
 */
must_check int workspace_register_mounted(struct workspace_table *table, const char *path,
					  struct error *err);
must_check int workspace_forget(struct workspace_table *table, uint32_t id, struct error *err);
const struct workspace *workspace_find(const struct workspace_table *table, uint32_t id);

/*
 * The view of one cage: a detached clone, nosuid and nodev, read-only unless writable.
 */
must_check int workspace_view(const struct workspace *workspace, bool writable, struct error *err);
void workspace_table_fini(struct workspace_table *table);
