/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * self-test - before a profile's first launch the forbidden is tried in the same cage (L2).
 *
 * The verdict is kept in memory: a new boot, kernel, build or table is a new claw-sandboxd. Under a
 * running one the base and the bound binaries can change; a verdict holds for the stamp of the
 * ground it was reached on, and for another the test runs again.
 *
 * Threads    None: loop thread only. on_proven is never called from within self_test_start().
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/cage-ground.h"
#include "l2-kernel/launch-record.h"

#include <stdbool.h>
#include <systemd/sd-event.h>

struct self_test_kind {
	struct launch_proof proof;
	char reason[LAUNCH_TEXT_BYTES]; /* why the cage is refused, in one sentence */
	struct cage_ground_stamp stamp; /* what it was reached on */
};

struct self_test {
	sd_event *event;
	const struct cage_ground *ground;
	struct self_test_kind kinds[LAUNCH_PROFILE_END][2]; /* by profile, workspace writable */
	struct self_test_run *run;                          /* one at a time */
	/* A verdict was reached: look again at what waits. */
	void (*on_proven)(void *data);
	void *data;
};

/* The verdict for launches of this kind on the ground as it is now. */
const struct self_test_kind *self_test_verdict(struct self_test *test, enum launch_profile profile,
					       bool writable,
					       const struct cage_ground_stamp *stamp);

/* Begins the test unless one runs (its end calls on_proven, so a waiting kind is started then). */
must_check int self_test_start(struct self_test *test, enum launch_profile profile, bool writable,
			       int view_fd, struct error *err);

/* A test that could not run (it tried nothing) may be run again; a broken cage stays broken. */
void self_test_retry(struct self_test *test, enum launch_profile profile, bool writable);

/* What STATUS says of a profile: the worst of its two kinds; stamp NULL: there is no ground. */
void self_test_summary(struct self_test *test, enum launch_profile profile,
		       const struct cage_ground_stamp *stamp, struct launch_proof *ret);
void self_test_fini(struct self_test *test);
