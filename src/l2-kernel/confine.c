/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/confine.h"

#include "base/cleanup.h"
#include "l2-kernel/seccomp-filter.h"

#include <assert.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Nothing comes back with a uid or an exec, and no bit can be cleared again. */
#define SECUREBITS \
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | \
	 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | \
	 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

enum { CAPABILITIES_MAX = 64 };

static int set_limit(enum __rlimit_resource resource, uint64_t value, const char *name,
		     struct error *err)
{
	struct rlimit limit = { value, value }, now;

	if (value == CONFINE_UNLIMITED)
		return 0;
	if (getrlimit(resource, &now) < 0)
		return FAIL(err, -errno, "limits: %s: %m", name);
	if (limit.rlim_max > now.rlim_max) /* raising is not ours to do: the lower one holds */
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	if (setrlimit(resource, &limit) < 0)
		return FAIL(err, -errno, "limits: %s: %m", name);
	return 0;
}

int confine_limits_apply(const struct confine_limits *limits, struct error *err)
{
	int r = set_limit(RLIMIT_CORE, 0, "core", err);

	if (r == 0)
		r = set_limit(RLIMIT_NPROC, limits->processes, "processes", err);
	if (r == 0)
		r = set_limit(RLIMIT_NOFILE, limits->open_files, "open files", err);
	if (r == 0)
		r = set_limit(RLIMIT_FSIZE, limits->file_bytes, "file size", err);
	if (r == 0)
		r = set_limit(RLIMIT_DATA, limits->data_bytes, "data", err);
	if (r == 0)
		r = set_limit(RLIMIT_CPU, limits->cpu_seconds, "cpu", err);
	return r;
}

static int set_capabilities(uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		sets[i].effective = sets[i].permitted = (uint32_t)(permitted >> (32 * i));
		sets[i].inheritable = (uint32_t)(inheritable >> (32 * i));
	}
	return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

/* Leaving uid 0 cleared the effective set; what is permitted is used once more, to give it all up.
 */
static int raise_permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, sets) < 0)
		return -errno;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		sets[i].effective = sets[i].permitted;
	return syscall(SYS_capset, &header, sets) < 0 ? -errno : 0;
}

static bool is_kept(uint64_t kept, int capability)
{
	return kept >> capability & 1;
}

int confine_capabilities(uint64_t kept, struct error *err)
{
	int r = raise_permitted();

	if (r < 0)
		return FAIL(err, r, "capabilities: %s", strerror(-r));
	for (int c = 0; c < CAPABILITIES_MAX; c++) {
		int bounded = prctl(PR_CAPBSET_READ, c, 0, 0, 0);

		if (bounded < 0)
			break; /* the kernel knows no more */
		if (bounded > 0 && !is_kept(kept, c) && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return FAIL(err, -errno, "capabilities: bounding set: %m");
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return FAIL(err, -errno, "capabilities: ambient set: %m");
	/* inheritable first: ambient is a subset of it */
	r = set_capabilities(kept | UINT64_C(1) << CAP_SETPCAP, kept);
	if (r < 0)
		return FAIL(err, r, "capabilities: %s", strerror(-r));
	for (int c = 0; c < CAPABILITIES_MAX; c++) {
		if (is_kept(kept, c) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
			return FAIL(err, -errno, "capabilities: ambient set: %m");
	}
	if (prctl(PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) < 0)
		return FAIL(err, -errno, "capabilities: securebits: %m");
	r = set_capabilities(kept, kept);
	return r < 0 ? FAIL(err, r, "capabilities: %s", strerror(-r)) : 0;
}

/* securebits keep the capabilities over the change, so that dropping them is one step, later. */
static int set_identity(uid_t uid, gid_t gid, struct error *err)
{
	if (setgroups(0, NULL) < 0)
		return FAIL(err, -errno, "identity: groups: %m");
	if (setresgid(gid, gid, gid) < 0)
		return FAIL(err, -errno, "identity: gid %u: %m", gid);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return FAIL(err, -errno, "identity: %m");
	if (setresuid(uid, uid, uid) < 0)
		return FAIL(err, -errno, "identity: uid %u: %m", uid);
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return FAIL(err, -errno, "identity: %m");
	return 0;
}

int confine_apply(const struct confine_options *options, struct error *err)
{
	CLEANUP(seccomp_filter_free_ptr) struct seccomp_filter *made = NULL;
	const struct seccomp_filter *filter = options->filter;
	int r;

	assert(!options->profile || !options->filter);
	if (options->profile) {
		r = seccomp_filter_make(options->profile, &made, err);
		if (r < 0)
			return r;
		filter = made;
	}
	if (close_range((unsigned)options->close_from, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return FAIL(err, -errno, "descriptors: %m");
	r = confine_limits_apply(&options->limits, err);
	if (r == 0)
		r = set_identity(options->uid, options->gid, err);
	if (r == 0) /* Landlock and seccomp need no capability, the bounding set does */
		r = confine_capabilities(options->keep_capabilities, err);
	if (r < 0)
		return r;
	/* after the uid: changing it clears the signal */
	if (options->parent_death_signal &&
	    prctl(PR_SET_PDEATHSIG, options->parent_death_signal, 0, 0, 0) < 0)
		return FAIL(err, -errno, "parent-death signal: %m");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return FAIL(err, -errno, "no_new_privs: %m");
	if (options->paths)
		r = landlock_restrict(options->paths, options->n_paths, options->landlock_flags,
				      err);
	if (r == 0 && filter)
		r = seccomp_filter_load(filter, err);
	return r;
}
