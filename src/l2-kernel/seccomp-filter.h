/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * seccomp-filter - the system calls of a profile (L2).
 *
 * Two programs per profile, both of which a call has to pass: the list of spec/tables/syscalls
 * (what is not listed answers ENOSYS), and a veto on arguments: no new set-id files, no new
 * namespaces, no address family but the profile's. A call of another architecture or of x32 kills
 * the process.
 *
 * Ownership  seccomp_filter_make() gives the filter to the caller.
 * Errors     -ENOENT unknown profile, -EINVAL a name of the table that libseccomp does not know.
 * Source     spec/tables/syscalls
 * Tests      tests/unit/l2-kernel/test-seccomp-filter.c, the self-test of every profile
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>

struct seccomp_filter;

/* Compiles the filter; a few milliseconds, so a launcher does it once per profile. */
must_check int seccomp_filter_make(const char *profile, struct seccomp_filter **ret,
				   struct error *err);

/*
 * One more program, to be loaded before a profile's: no socket is reached by its name, whoever
 * listens there (connect, datagrams). Pairs and listening sockets still work.
 */
must_check int seccomp_filter_make_nameless(struct seccomp_filter **ret, struct error *err);
void seccomp_filter_free(struct seccomp_filter *filter);
DEFINE_CLEANUP(struct seccomp_filter *, seccomp_filter_free)

/* Puts it on the calling thread for good. no_new_privs must be set. Allocates nothing. */
must_check int seccomp_filter_load(const struct seccomp_filter *filter, struct error *err);

/* Number of BPF instructions of both programs. */
size_t seccomp_filter_length(const struct seccomp_filter *filter);
