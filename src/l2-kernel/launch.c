/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/launch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l2-kernel/cage-halt.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

enum { TIMER_ACCURACY_US = 1000, ABANDON_MS = 1000, HALT_FIRST_US = 400 };

enum launch_state { LAUNCH_BUILDING, LAUNCH_FAILED, LAUNCH_RUNNING };

struct launch {
	enum launch_state state;
	struct cage cage;
	const struct cage_ground *ground;
	sd_event_source *failure, *end, *timer, *halt;
	const struct launch_acts *acts;
	void *data;
	uint64_t since_us, halt_us; /* the pause before the next look at what was killed */
	enum launch_why why;        /* of the kill; NONE while nobody killed it */
	struct cage_failure reason;
};

static void launch_free(struct launch *launch)
{
	if (!launch)
		return;
	sd_event_source_disable_unref(launch->failure);
	sd_event_source_disable_unref(launch->end);
	sd_event_source_disable_unref(launch->timer);
	sd_event_source_disable_unref(launch->halt);
	close_fd(&launch->cage.failure_fd);
	close_fd(&launch->cage.pidfd);
	free(launch);
}
DEFINE_CLEANUP(struct launch *, launch_free)

/* Learns how building went, once. */
static void settle(struct launch *launch)
{
	enum cage_build built;
	int r;

	if (launch->state != LAUNCH_BUILDING)
		return;
	r = cage_read_failure(launch->cage.failure_fd, &built, &launch->reason);
	if (r == -EAGAIN)
		return;
	launch->failure = sd_event_source_disable_unref(launch->failure);
	if (r == 0 && built == CAGE_BUILT) {
		launch->state = LAUNCH_RUNNING;
		launch->acts->on_started(launch->cage.pid, launch->data);
		return;
	}
	if (r < 0)
		launch->reason = (struct cage_failure){ -r, LAUNCH_STAGE_CLONE, "no report" };
	launch->state = LAUNCH_FAILED; /* its process ends now, which is an event */
}

static int on_failure(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)fd;
	(void)events;
	settle(userdata);
	return 0;
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct launch *launch = userdata;
	struct launch_result result = { 0 };
	int r;

	(void)source;
	(void)events;
	settle(launch);
	r = cage_reap(fd, &result.end);
	if (r == -EAGAIN)
		return 0;
	if (cage_cgroup_leave(&launch->ground->cgroups, &launch->cage.cgroup) &&
	    launch->why == LAUNCH_WHY_NONE)
		launch->why = LAUNCH_WHY_MEMORY;
	if (launch->state == LAUNCH_FAILED) {
		launch->acts->on_refused(launch->reason.stage, launch->reason.error,
					 launch->reason.text, launch->data);
	} else {
		result.why = launch->why != LAUNCH_WHY_NONE ? launch->why : LAUNCH_WHY_EXIT;
		result.wall_us = clock_monotonic_us() - launch->since_us;
		launch->acts->on_exited(&result, launch->data);
	}
	launch_free(launch);
	return 0;
}

static void kill_because(struct launch *launch, enum launch_why why)
{
	if (launch->why == LAUNCH_WHY_NONE)
		launch->why = why;
	cage_signal_kill(launch->cage.pidfd);
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	kill_because(userdata, LAUNCH_WHY_TIMEOUT);
	return 0;
}

static int on_look(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct launch *launch = userdata;

	(void)usec;
	if (cage_has_halted(&launch->ground->cgroups, &launch->cage.cgroup)) {
		launch->halt = sd_event_source_disable_unref(launch->halt);
		launch->acts->on_halted(launch->data);
		return 0;
	}
	launch->halt_us += launch->halt_us / 4; /* what takes long is not looked at often */
	if (sd_event_source_set_time_relative(source, launch->halt_us) < 0 ||
	    sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) < 0)
		launch->halt = sd_event_source_disable_unref(source); /* its end comes anyhow */
	return 0;
}

/* The kernel does not tell when a killed task stops to run, only when it has taken it apart. */
static void watch_halt(struct launch *launch)
{
	if (launch->halt || !launch->acts->on_halted || launch->state != LAUNCH_RUNNING)
		return;
	launch->halt_us = HALT_FIRST_US;
	(void)sd_event_add_time_relative(sd_event_source_get_event(launch->end), &launch->halt,
					 CLOCK_MONOTONIC, launch->halt_us, 1, on_look,
					 launch); /* without it its end is what is told */
}

void launch_kill(struct launch *launch, enum launch_why why)
{
	kill_because(launch, why);
	watch_halt(launch);
}

void launch_abandon(struct launch *launch)
{
	struct pollfd ended = { .fd = launch->cage.pidfd, .events = POLLIN };
	struct cage_end end;

	cage_signal_kill(launch->cage.pidfd);
	if (poll(&ended, 1, ABANDON_MS) == 1 && cage_reap(launch->cage.pidfd, &end) == 0)
		(void)cage_cgroup_leave(&launch->ground->cgroups, &launch->cage.cgroup);
	launch_free(launch);
}

static int watch(sd_event *event, struct launch *launch, uint32_t time_ms)
{
	int r = sd_event_add_io(event, &launch->failure, launch->cage.failure_fd, EPOLLIN,
				on_failure, launch);

	if (r >= 0)
		r = sd_event_add_io(event, &launch->end, launch->cage.pidfd, EPOLLIN, on_end,
				    launch);
	if (r >= 0)
		r = sd_event_add_time_relative(event, &launch->timer, CLOCK_MONOTONIC,
					       time_ms * CLOCK_MSEC_US, TIMER_ACCURACY_US, on_time,
					       launch);
	return r < 0 ? r : 0;
}

int launch_open(sd_event *event, const struct cage_ground *ground,
		const struct launch_options *options, struct launch **ret,
		enum launch_stage *ret_stage, struct error *err)
{
	CLEANUP(launch_free_ptr) struct launch *launch = calloc(1, sizeof(*launch));
	struct cage_end end;
	int r;

	*ret_stage = LAUNCH_STAGE_CLONE;
	if (!launch)
		return FAIL(err, -ENOMEM, "out of memory");
	launch->cage = (struct cage){ .pidfd = -1, .failure_fd = -1 };
	launch->ground = ground;
	launch->acts = options->acts;
	launch->data = options->data;
	launch->since_us = clock_monotonic_us();
	r = cage_start(ground, &options->cage, &launch->cage, ret_stage, err);
	if (r < 0)
		return r;
	r = watch(event, launch, options->cage.time_ms);
	if (r < 0) {
		cage_signal_kill(launch->cage.pidfd);
		(void)!cage_reap(launch->cage.pidfd, &end); /* or the kernel does, at our end */
		(void)cage_cgroup_leave(&ground->cgroups, &launch->cage.cgroup); /* or a start */
		return FAIL(err, r, "event loop: %s", strerror(-r));
	}
	*ret = TAKE_PTR(launch);
	return 0;
}
