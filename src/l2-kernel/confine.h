/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * confine - what a process gives up before it becomes a daemon or a cage (L2).
 *
 * confine_apply() does, in this order: close_range, rlimits, groups, gid, uid, capability sets
 * (bounding, inheritable, ambient), securebits locked, parent-death signal, no_new_privs, Landlock,
 * seccomp. Every step must succeed; after an error the process must end.
 *
 * Profiles are columns of spec/tables/syscalls: "daemon", "daemon-net" (may open sockets to the
 * network), "llm" for daemons; "read", "write", "execute" for cages. "launcher" is what
 * claw-sandboxd puts on itself (claw-sandboxd-main.c).
 *
 * Threads    The calling process must have one thread.
 * Errors     The errno of the kernel, -ENOENT for an unknown profile; the text starts with the
 *            layer ("landlock: …", "seccomp: …").
 * Tests      tests/unit/l2-kernel/test-confine.c, tests/process/test-cage.py.
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/landlock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct seccomp_filter;

/* Zero is a limit of zero, never "unlimited"; CONFINE_UNLIMITED leaves one as it is. */
#define CONFINE_UNLIMITED UINT64_MAX
struct confine_limits {
	uint64_t processes;   /* RLIMIT_NPROC */
	uint64_t open_files;  /* RLIMIT_NOFILE */
	uint64_t file_bytes;  /* RLIMIT_FSIZE */
	uint64_t data_bytes;  /* RLIMIT_DATA: private writable memory of one process */
	uint64_t cpu_seconds; /* RLIMIT_CPU */
};

struct confine_options {
	uid_t uid;
	gid_t gid;
	uint64_t keep_capabilities;   /* bit 1 << CAP_…: bounding and ambient set; 0 for all but
					 sandboxd */
	struct confine_limits limits; /* core dumps are always off */
	int close_from;               /* this descriptor and all above are closed by the exec */
	int parent_death_signal;      /* 0: none */
	const struct landlock_path *paths; /* what stays reachable; NULL: no Landlock */
	size_t n_paths;
	unsigned landlock_flags; /* enum landlock_flag */
	/* One of both, or neither (claw-sandboxd only): a profile by name, or a filter made before.
	 */
	const char *profile;
	const struct seccomp_filter *filter;
};

/* Parts of it, for a cage, whose order differs (its mounts come in between). */
must_check int confine_limits_apply(const struct confine_limits *limits, struct error *err);
must_check int confine_capabilities(uint64_t kept, struct error *err);

must_check int confine_apply(const struct confine_options *options, struct error *err);
