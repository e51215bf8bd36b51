/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * launch - the life of one cage on the event loop: built, running, over time, killed, gone (L2).
 *
 * Exactly one of on_refused and on_exited is called, when no process of the cage is left;
 * on_started may come before on_exited. The launch frees itself after that callback.
 *
 * Threads    None: loop thread only. No callback from within launch_open() or launch_kill().
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/cage.h"
#include "l2-kernel/launch-record.h"

#include <systemd/sd-event.h>

struct launch;

struct launch_result {
	enum launch_why why;
	struct cage_end end;
	uint64_t wall_us;
};

struct launch_acts {
	void (*on_started)(pid_t pid, void *data);
	void (*on_refused)(enum launch_stage stage, int error, const char *text, void *data);
	/* May be NULL: after launch_kill(), before on_exited: none of its tasks can run any more.
	 */
	void (*on_halted)(void *data);
	void (*on_exited)(const struct launch_result *result, void *data);
};

struct launch_options {
	struct cage_options cage; /* its descriptors are borrowed for the call */
	const struct launch_acts *acts;
	void *data;
};

/* Starts it; *ret_stage names the layer of an error. */
must_check int launch_open(sd_event *event, const struct cage_ground *ground,
			   const struct launch_options *options, struct launch **ret,
			   enum launch_stage *ret_stage, struct error *err);

/* Kills the whole cage; its end is reported with the first reason given. */
void launch_kill(struct launch *launch, enum launch_why why);

/* Kills the cage, waits for its end (a second at most) and frees the launch without a callback. */
void launch_abandon(struct launch *launch);
