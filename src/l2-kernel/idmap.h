/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * idmap - the one user a cage has, and how files of a person become his (L2).
 *
 * In a cage there is exactly one uid and gid, CAGE_ID; root does not exist in its map.
 *
 * Needs      CAP_SETUID, CAP_SETGID, CAP_SYS_ADMIN; /proc of the caller's pid namespace.
 * Errors     The errno of the kernel.
 */
#pragma once

#include "base/error.h"

#include <sys/types.h>

enum { CAGE_ID = 65534 };

/*
 * Writes the maps of the child's new user namespace: inside `inside_uid`, outside CAGE_ID, one id
 * each; setgroups(2) is denied. The child must not have used its ids yet.
 */
must_check int idmap_write(pid_t pid, uid_t inside_uid, gid_t inside_gid, struct error *err);

/*
 * A user namespace for mount_setattr(MOUNT_ATTR_IDMAP): uid and gid on disk are seen as CAGE_ID,
 * all others as nobody's. Returns its descriptor.
 */
must_check int idmap_open(uid_t disk_uid, gid_t disk_gid, struct error *err);
