/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The cages of connections: waiting for a verdict, running, reported (L2). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/service.h"
#include "l2-kernel/cage-profile.h"
#include "l2-kernel/launch.h"
#include "l2-kernel/sandbox.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

/* A cage's disk is looked at again after 50 ms to 1 s, by the room that is left. */
enum { LOOK_MIN_MS = 50, LOOK_MAX_MS = 1000, BYTES_PER_MS_BITS = 20 };

struct sandbox_cage {
	struct sandbox *sandbox;
	struct sandbox_link *link; /* NULL: closed, nobody is told any more */
	struct sandbox_cage *next;
	struct launch_request rq;
	struct launch *launch; /* NULL: waits for the self-test */
	int stream_fd;         /* while it waits */
	int disk_fd;           /* of its workspace, when that is writable; -1 */
	sd_event_source *disk; /* looks at how much room is left */
	bool stopping;         /* STOP waits for its end */
};

static void free_cage(struct sandbox_cage *cage)
{
	struct sandbox *sandbox = cage->sandbox;
	struct sandbox_cage **at = &sandbox->cages;
	bool stopping = cage->stopping;

	while (*at != cage)
		at = &(*at)->next;
	*at = cage->next;
	sandbox->n_cages--;
	service_release(sandbox->service);
	close_fd(&cage->stream_fd);
	close_fd(&cage->disk_fd);
	sd_event_source_disable_unref(cage->disk);
	free(cage);
	if (stopping)
		sandbox_link_stopped(sandbox);
}

static void refuse(struct sandbox_cage *cage, enum launch_stage stage, int error, const char *text)
{
	struct launch_answer answer = {
		.kind = LAUNCH_ANSWER_REFUSED,
		.id = cage->rq.id,
		.error = error,
		.stage = stage,
	};

	(void)snprintf(answer.text, sizeof(answer.text), "%.*s", LAUNCH_TEXT_BYTES - 1, text);
	cage->sandbox->refused++;
	if (cage->link)
		sandbox_link_answer(cage->link, &answer);
	free_cage(cage);
}

static void on_started(pid_t pid, void *data)
{
	struct sandbox_cage *cage = data;
	const struct launch_answer answer = {
		.kind = LAUNCH_ANSWER_STARTED,
		.id = cage->rq.id,
		.pid = pid,
	};

	cage->sandbox->launched++;
	if (cage->link)
		sandbox_link_answer(cage->link, &answer);
}

static void on_refused(enum launch_stage stage, int error, const char *text, void *data)
{
	log_warning("no cage: %s: %s", launch_stage_name(stage), text);
	refuse(data, stage, error, text);
}

static void on_halted(void *data)
{
	struct sandbox_cage *cage = data;

	if (cage->link)
		sandbox_link_answer(
			cage->link,
			&(struct launch_answer){ .kind = LAUNCH_ANSWER_HALTED, .id = cage->rq.id });
}

static void on_exited(const struct launch_result *result, void *data)
{
	struct sandbox_cage *cage = data;
	const struct launch_answer answer = {
		.kind = LAUNCH_ANSWER_EXITED,
		.id = cage->rq.id,
		.why = result->why,
		.status = result->end.status,
		.term_signal = result->end.term_signal,
		.cpu_us = result->end.cpu_us,
		.maxrss_kib = result->end.maxrss_kib,
		.wall_us = result->wall_us,
	};

	if (result->why == LAUNCH_WHY_TIMEOUT)
		cage->sandbox->timeouts++;
	if (cage->link)
		sandbox_link_answer(cage->link, &answer);
	free_cage(cage);
}

static const struct launch_acts acts = { on_started, on_refused, on_halted, on_exited };

static bool is_writable(const struct sandbox_cage *cage, const struct workspace *workspace)
{
	return cage_profiles[cage->rq.profile].writable && workspace->writable;
}

/* How long the room that is left lasts, at a GiB a second; looked at in between, and not too often.
 */
static uint64_t pause_us(uint64_t spare_bytes)
{
	uint64_t ms = spare_bytes >> BYTES_PER_MS_BITS;

	ms = ms < LOOK_MIN_MS ? LOOK_MIN_MS : ms > LOOK_MAX_MS ? LOOK_MAX_MS : ms;
	return ms * CLOCK_MSEC_US;
}

static int on_look_at_disk(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct sandbox_cage *cage = userdata;
	struct error err = { 0 };
	uint64_t spare;
	int r = disk_reserve_check(&cage->sandbox->reserve, cage->disk_fd, &spare, &err);

	(void)usec;
	if (r == 0)
		r = sd_event_source_set_time_relative(source, pause_us(spare));
	if (r >= 0)
		r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (r >= 0)
		return 0;
	log_warning("a cage is killed: %s", err.code ? err.text : "its disk cannot be watched");
	launch_kill(cage->launch, LAUNCH_WHY_DISK);
	return 0;
}

/* While it runs and only then: an idle claw-sandboxd does not wake. */
static void watch_disk(struct sandbox_cage *cage)
{
	if (cage->disk_fd >= 0 &&
	    sd_event_add_time_relative(cage->sandbox->event, &cage->disk, CLOCK_MONOTONIC,
				       LOOK_MIN_MS * CLOCK_MSEC_US, 0, on_look_at_disk, cage) < 0)
		launch_kill(cage->launch, LAUNCH_WHY_DISK); /* it is not left unwatched */
}

/* -ENOSPC when its workspace has no room left for writing. */
static int hold_disk(struct sandbox_cage *cage, const struct workspace *workspace,
		     struct error *err)
{
	uint64_t spare;
	int r = disk_reserve_check(&cage->sandbox->reserve, workspace->mount_fd, &spare, err);

	if (r < 0 || cage->disk_fd >= 0)
		return r;
	cage->disk_fd = fcntl(workspace->mount_fd, F_DUPFD_CLOEXEC, 0);
	return cage->disk_fd < 0 ? FAIL(err, -errno, "workspace: %m") : 0;
}

/* Starts what is proven, begins the test of what was not tried; refuses and frees what must be. */
static void advance(struct sandbox_cage *cage)
{
	struct sandbox *sandbox = cage->sandbox;
	const struct workspace *workspace =
		workspace_find(&sandbox->workspaces, cage->rq.workspace);
	const struct self_test_kind *kind;
	enum launch_verdict verdict;
	struct launch_options options = { .acts = &acts, .data = cage };
	enum launch_stage stage = LAUNCH_STAGE_WORKSPACE;
	struct cage_ground_stamp stamp;
	struct error err = { 0 };
	auto_fd int view_fd = -1;
	int r;

	if (!workspace) {
		refuse(cage, stage, ENOENT, "no such workspace (it is registered by the owner)");
		return;
	}
	r = cage_ground_look(&sandbox->ground, &stamp, &err);
	if (r < 0) {
		on_refused(LAUNCH_STAGE_ROOTFS, -r, err.text, cage);
		return;
	}
	options.cage =
		(struct cage_options){ .profile = (enum launch_profile)cage->rq.profile,
				       .program = CAGE_TOOLWORK,
				       .stream_fd = cage->stream_fd,
				       .writable = is_writable(cage, workspace),
				       /* the person's programs may listen in other directories */
				       .names_sockets = cage->rq.workspace == 0,
				       .time_ms = cage->rq.time_ms,
				       .memory_mib = cage->rq.memory_mib };
	kind = self_test_verdict(&sandbox->test, options.cage.profile, options.cage.writable,
				 &stamp);
	verdict = (enum launch_verdict)kind->proof.verdict;
	if (verdict == LAUNCH_BROKEN) {
		on_refused(LAUNCH_STAGE_SELF_TEST, EACCES, kind->reason, cage);
		return;
	}
	if (options.cage.writable)
		r = hold_disk(cage, workspace, &err);
	view_fd = r < 0 ? r : workspace_view(workspace, options.cage.writable, &err);
	options.cage.view_fd = r = view_fd;
	if (r >= 0 && verdict == LAUNCH_PROVEN) {
		r = launch_open(sandbox->event, &sandbox->ground, &options, &cage->launch, &stage,
				&err);
		close_fd(&cage->stream_fd);
		cage->stream_fd = -1;
		if (r == 0)
			watch_disk(cage);
	} else if (r >= 0) {
		stage = LAUNCH_STAGE_SELF_TEST;
		r = self_test_start(&sandbox->test, options.cage.profile, options.cage.writable,
				    view_fd, &err);
	}
	if (r < 0)
		on_refused(stage, -r, err.text, cage);
}

void sandbox_cage_resume(struct sandbox *sandbox)
{
	struct sandbox_cage *next;

	for (struct sandbox_cage *cage = sandbox->cages; cage; cage = next) {
		next = cage->next;
		if (!cage->launch)
			advance(cage);
	}
}

static struct sandbox_cage *find(struct sandbox *sandbox, const struct sandbox_link *link,
				 uint32_t id)
{
	struct sandbox_cage *cage = sandbox->cages;

	while (cage && (cage->link != link || cage->rq.id != id))
		cage = cage->next;
	return cage;
}

static bool has_option(int fd, int option, int wanted)
{
	socklen_t size = sizeof(wanted);
	int value = 0;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 && value == wanted;
}

/* What a cage is given has to be a stream to who asked for it: no file, no folder, nothing that
 * listens. */
static bool is_stream(int fd)
{
	return has_option(fd, SO_DOMAIN, AF_UNIX) && has_option(fd, SO_TYPE, SOCK_STREAM) &&
	       has_option(fd, SO_ACCEPTCONN, 0);
}

int sandbox_cage_launch(struct sandbox *sandbox, struct sandbox_link *link,
			const struct launch_request *rq, int stream_fd, struct error *err)
{
	auto_fd int stream = stream_fd;
	struct sandbox_cage *cage;

	if (!is_stream(stream))
		return FAIL(err, -EPROTO, "the descriptor of a launch is not a local stream");
	if (find(sandbox, link, rq->id))
		return FAIL(err, -EPROTO, "cage %u is there already", rq->id);
	cage = calloc(1, sizeof(*cage));
	if (!cage)
		return FAIL(err, -ENOMEM, "out of memory");
	*cage = (struct sandbox_cage){ .sandbox = sandbox,
				       .link = link,
				       .next = sandbox->cages,
				       .rq = *rq,
				       .stream_fd = take_fd(&stream),
				       .disk_fd = -1 };
	sandbox->cages = cage;
	service_hold(sandbox->service);
	if (++sandbox->n_cages > sandbox->cages_max) {
		refuse(cage, LAUNCH_STAGE_QUOTA, EAGAIN,
		       "too many cages at once ([sandbox] max_cages)");
		return 0;
	}
	self_test_retry(&sandbox->test, (enum launch_profile)rq->profile, false);
	self_test_retry(&sandbox->test, (enum launch_profile)rq->profile, true);
	advance(cage);
	return 0;
}

static void kill_cage(struct sandbox_cage *cage)
{
	if (cage->launch)
		launch_kill(cage->launch, LAUNCH_WHY_KILLED);
	else
		refuse(cage, LAUNCH_STAGE_NONE, ECANCELED, "killed before it started");
}

void sandbox_cage_kill(struct sandbox *sandbox, const struct sandbox_link *link, uint32_t id)
{
	struct sandbox_cage *cage = find(sandbox, link, id);

	if (cage) /* else it has ended in the meantime */
		kill_cage(cage);
}

void sandbox_cage_kill_of(struct sandbox *sandbox, const struct sandbox_link *link)
{
	struct sandbox_cage *next;

	for (struct sandbox_cage *cage = sandbox->cages; cage; cage = next) {
		next = cage->next;
		if (cage->link != link)
			continue;
		cage->link = NULL;
		kill_cage(cage);
	}
}

uint32_t sandbox_cage_stop(struct sandbox *sandbox)
{
	struct sandbox_cage *next;
	uint32_t n = 0;

	for (struct sandbox_cage *cage = sandbox->cages; cage; cage = next) {
		next = cage->next;
		cage->stopping = cage->launch != NULL;
		n += cage->stopping;
		kill_cage(cage);
	}
	return n;
}

void sandbox_cage_end(struct sandbox *sandbox)
{
	struct sandbox_cage *next;

	(void)sandbox_cage_stop(sandbox);
	for (struct sandbox_cage *cage = sandbox->cages; cage; cage = next) {
		next = cage->next;
		cage->stopping = false;
		launch_abandon(cage->launch); /* those without one were refused by the stop */
		free_cage(cage);
	}
}
