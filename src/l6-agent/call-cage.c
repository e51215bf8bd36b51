/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Tools that touch files or run programs: claw-toolwork in a fresh cage, one call each.
 *
 * The request is written when the cage is there: a cage that never started has done nothing.
 * claw-sandboxd may hang, or be gone for good with its socket still open, so nothing it says is
 * waited for without a limit.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "l2-kernel/cage-client.h"
#include "l6-agent/call-frame.h"
#include "l6-agent/call-run.h"
#include "l6-agent/gate.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
	READ_BYTES = 64 * 1024,
	GRACE_MS = 2000,               /* for toolwork to end a command itself and say so */
	CONTENT_MAX = 4 * 1024 * 1024, /* spec/toolwork.md */
	CONTENT_MIN = 1024,
	REQUEST_MAX = 16 * 1024 * 1024,
	SHELL_TIMEOUT_S = 120,
	SILENT_MS = 2000, /* for a claw-sandboxd that did not answer the last time */
	PUNCTUALITY = 16, /* a timer may be late by this part of its time */
	KILL_WAIT_MS = 7, /* what is killed is gone sooner, and a person waits for the interrupt */
};

struct cage_run {
	struct call_run run;
	struct call_run_options options;
	struct gate_place place;
	struct cage_handle *cage;
	int fd;
	sd_event_source *io;
	sd_event_source *patience; /* with claw-sandboxd */
	uint64_t limit_ms;
	struct buf request;
	struct call_reply reply;
	struct cage_result result;
	struct call_outcome outcome;
	bool is_started, is_replied, is_stopped;
};

static void free_run(struct cage_run *run)
{
	gate_leave(&run->place);
	if (run->cage)
		cage_forget(run->cage);
	sd_event_source_disable_unref(run->io);
	sd_event_source_disable_unref(run->patience);
	close_fd(&run->fd);
	buf_free(&run->request);
	call_reply_free(&run->reply);
	call_outcome_free(&run->outcome);
	free(run);
}

static int on_impatient(sd_event_source *source, uint64_t usec, void *data);

/* How long claw-sandboxd may be silent from now on. */
static void wait_ms(struct cage_run *run, uint64_t ms)
{
	int r;

	sd_event_source_disable_unref(run->patience);
	run->patience = NULL;
	r = sd_event_add_time_relative(run->options.agent->event, &run->patience, CLOCK_MONOTONIC,
				       ms * CLOCK_MSEC_US, ms * CLOCK_MSEC_US / PUNCTUALITY,
				       on_impatient, run);
	if (r < 0)
		cage_kill(run->cage); /* it is not waited for without a limit */
}

static uint64_t patience_ms(const struct cage_run *run)
{
	const struct agent *agent = run->options.agent;

	return agent->cages_silent ? SILENT_MS : agent->config->daemon_timeout_s * 1000;
}

/* Killed now; on_exited says when it is gone. One that has not started is not waited for. */
static bool stop(struct call_run *call_run)
{
	struct cage_run *run = (struct cage_run *)call_run;

	if (!run->is_started) {
		free_run(run);
		return true;
	}
	run->is_stopped = true;
	sd_event_source_disable_unref(run->io);
	run->io = NULL;
	cage_kill(run->cage);
	wait_ms(run, KILL_WAIT_MS);
	return false;
}

static void abandon(struct call_run *run)
{
	free_run((struct cage_run *)run);
}

static const struct call_run_kind kind = { .stop = stop, .abandon = abandon };

static enum launch_profile profile_of(const struct tool *tool)
{
	if (tool->effect == TOOL_READ)
		return LAUNCH_PROFILE_READ;
	return tool->effect == TOOL_WRITE ? LAUNCH_PROFILE_WRITE : LAUNCH_PROFILE_EXECUTE;
}

static void add_cage_figures(struct cage_run *run)
{
	const struct cage_result *result = &run->result;

	if (run->outcome.meta.length > 0 && buf_add_char(&run->outcome.meta, ',') < 0)
		return;
	/* figures that do not fit are left out */
	if (buf_printf(&run->outcome.meta,
		       "\"cage\":\"%s\",\"why\":\"%s\",\"cpuUsec\":%llu,\"maxrssKib\":%llu,"
		       "\"cageUsec\":%llu",
		       launch_profile_name(profile_of(run->options.tool)),
		       launch_why_name(result->why), (unsigned long long)result->cpu_us,
		       (unsigned long long)result->maxrss_kib,
		       (unsigned long long)result->wall_us) < 0)
		buf_truncate(&run->outcome.meta, 0);
}

static void finish(struct cage_run *run)
{
	sd_event_source_disable_unref(run->patience);
	run->patience = NULL;
	run->options.on_done(&run->outcome, run->options.data);
	free_run(run);
}

static void on_refused(struct cage_handle *cage, enum launch_stage stage, int error,
		       const char *text, void *data)
{
	struct cage_run *run = data;

	(void)cage;
	run->cage = NULL;
	run->options.agent->cages_silent = false;
	call_outcome_say(&run->outcome, false, "no cage could be made (%s): %s",
			 launch_stage_name(stage), *text ? text : strerror(error));
	finish(run);
}

static const char *reason_of(const struct cage_run *run)
{
	switch (run->result.why) {
	case LAUNCH_WHY_TIMEOUT:
		return "it was killed: its time limit was over";
	case LAUNCH_WHY_MEMORY:
		return "it was killed: it used more memory than its cage has";
	case LAUNCH_WHY_DISK:
		return "it was killed: the disk of the workspace is nearly full; what it had "
		       "written stays, and nothing more can be written until the person makes "
		       "room";
	case LAUNCH_WHY_KILLED:
		return "it was killed before it was done; what it had done until then stays";
	case LAUNCH_WHY_EXIT:
	case LAUNCH_WHY_NONE:
	case LAUNCH_WHY_END:
		break;
	}
	return "its program ended without an answer";
}

static void say_interrupted(struct cage_run *run)
{
	run->outcome.end = CALL_END_UNKNOWN;
	call_outcome_say(&run->outcome, false, "interrupted before it was done");
}

/* Nothing of it runs any more: who interrupted it need not wait for the kernel to tidy up. */
static void on_halted(struct cage_handle *cage, void *data)
{
	struct cage_run *run = data;

	(void)cage;
	if (!run->is_stopped)
		return;
	say_interrupted(run);
	finish(run);
}

static void on_exited(struct cage_handle *cage, const struct cage_result *result, void *data)
{
	struct cage_run *run = data;

	(void)cage;
	run->cage = NULL;
	run->options.agent->cages_silent = false;
	run->result = *result;
	if (run->is_stopped) {
		say_interrupted(run);
	} else if (!run->is_replied) {
		if (run->options.tool->effect != TOOL_READ && result->why == LAUNCH_WHY_KILLED)
			run->outcome.end = CALL_END_UNKNOWN;
		call_outcome_say(&run->outcome, false, "%s", reason_of(run));
	}
	add_cage_figures(run);
	finish(run);
}

/* The reply is there: the stream's end ends the program, and its exit ends the call. */
static void take_reply(struct cage_run *run)
{
	struct buf content = run->reply.content, meta = run->reply.meta;

	run->is_replied = true;
	run->outcome.ok = run->reply.ok;
	run->reply.content = run->outcome.content;
	run->reply.meta = run->outcome.meta;
	run->outcome.content = content;
	run->outcome.meta = meta;
	run->outcome.meta.max = CALL_META_MAX;
}

/* What is left of the cage ends now; its exit ends the call. */
static void hang_up(struct cage_run *run)
{
	sd_event_source_disable_unref(run->io);
	run->io = NULL;
	close_fd(&run->fd);
	run->fd = -1;
	wait_ms(run, patience_ms(run));
}

static void on_input(struct cage_run *run)
{
	char bytes[READ_BYTES];

	for (;;) {
		ssize_t n = recv(run->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			hang_up(run); /* its exit says why */
			return;
		}
		switch (call_reply_feed(&run->reply, bytes, (size_t)n)) {
		case FRAME_MORE:
			break;
		case FRAME_DONE:
			take_reply(run);
			hang_up(run);
			return;
		case FRAME_BROKEN:
			call_outcome_say(&run->outcome, false,
					 "its program broke the protocol and was killed");
			run->is_replied = true;
			hang_up(run);
			cage_kill(run->cage);
			return;
		}
	}
}

/* Writes what is left of the request; a full socket is tried again when it has room. */
static void on_output(struct cage_run *run)
{
	while (run->request.length > 0) {
		ssize_t n = send(run->fd, run->request.data, run->request.length,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		buf_consume(&run->request, (size_t)n);
	}
	(void)sd_event_source_set_io_events(run->io,
					    run->request.length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static int on_stream(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct cage_run *run = data;

	(void)source;
	(void)fd;
	if (events & EPOLLOUT)
		on_output(run);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		on_input(run);
	return 0;
}

/* The cage is there and reads: now it is told what to do. */
static void on_started(struct cage_handle *cage, pid_t pid, void *data)
{
	struct cage_run *run = data;
	int r;

	(void)cage;
	(void)pid;
	run->is_started = true;
	run->options.agent->cages_silent = false;
	r = sd_event_add_io(run->options.agent->event, &run->io, run->fd, EPOLLIN | EPOLLOUT,
			    on_stream, run);
	if (r < 0)
		cage_kill(run->cage); /* its exit ends the call */
	wait_ms(run, run->limit_ms + GRACE_MS + patience_ms(run));
}

static const struct cage_callbacks callbacks = { on_started, on_refused, on_halted, on_exited };

/* claw-sandboxd has not said in time what became of the cage. */
static int on_impatient(sd_event_source *source, uint64_t usec, void *data)
{
	struct cage_run *run = data;
	const char *limit = "claw-sandboxd gives no sign of life (agent.daemon_timeout)";

	(void)source;
	(void)usec;
	run->options.agent->cages_silent |= !run->is_stopped;
	if (run->is_stopped) {
		run->outcome.end = CALL_END_UNKNOWN;
		call_outcome_say(&run->outcome, false,
				 "interrupted before it was done; that its cage is gone was not "
				 "confirmed in time");
	} else if (!run->is_started) {
		call_outcome_say(&run->outcome, false,
				 "no cage could be made, nothing was done: %s", limit);
	} else if (!run->is_replied) {
		run->outcome.end =
			run->options.tool->effect == TOOL_READ ? CALL_END_DONE : CALL_END_UNKNOWN;
		call_outcome_say(&run->outcome, false, "its time limit is over, and %s", limit);
	}
	finish(run);
	return 0;
}

static uint64_t time_limit_ms(const struct call_run_options *options)
{
	yyjson_doc *doc = payload_parse(options->arguments, strlen(options->arguments));
	uint64_t seconds = payload_get_number(yyjson_doc_get_root(doc), "timeout");

	yyjson_doc_free(doc);
	if (options->tool->effect != TOOL_EXECUTE)
		return options->agent->config->tool_timeout_s * 1000;
	return (seconds ? seconds : SHELL_TIMEOUT_S) * 1000;
}

/* Reads stop where the model cannot read on; what a command prints is kept whole. */
static size_t content_limit(const struct call_run_options *options)
{
	if (options->tool->effect != TOOL_READ || options->result_limit > CONTENT_MAX)
		return CONTENT_MAX;
	return options->result_limit < CONTENT_MIN ? CONTENT_MIN : options->result_limit;
}

static int launch(struct cage_run *run, struct error *err)
{
	const struct call_run_options *options = &run->options;
	struct cage_launch_options launch = {
		.profile = profile_of(options->tool),
		.workspace = options->workspace,
		.turn = options->turn,
		.time_ms = (uint32_t)(run->limit_ms + GRACE_MS),
		.memory_mib = (uint32_t)options->agent->config->tool_memory_mib,
		.callbacks = &callbacks,
		.data = run,
	};
	int r = cage_launch(options->agent->cages, &launch, &run->cage, &run->fd, err);

	if (r < 0)
		return r;
	wait_ms(run, patience_ms(run));
	return 0;
}

/* Those before it are done. */
static void on_admitted(void *data)
{
	struct cage_run *run = data;
	struct error err = { 0 };

	if (launch(run, &err) >= 0)
		return;
	call_outcome_say(&run->outcome, false, "%s", err.text);
	finish(run);
}

int call_cage_start(const struct call_run_options *options, struct call_run **ret,
		    struct error *err)
{
	struct cage_run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return FAIL(err, -ENOMEM, "out of memory");
	run->run.kind = &kind;
	run->options = *options;
	run->limit_ms = time_limit_ms(options);
	run->fd = -1;
	run->request = BUF(REQUEST_MAX);
	run->outcome.content = BUF(CALL_CONTENT_MAX);
	run->outcome.meta = BUF(CALL_META_MAX);
	call_reply_init(&run->reply, content_limit(options));
	r = call_frame_request(&run->request, options->tool->name, options->arguments,
			       content_limit(options), run->limit_ms);
	if (r < 0)
		(void)FAIL(err, r, "the call is too large to be sent");
	if (r >= 0 &&
	    gate_enter(options->agent->cage_gate, &run->place, options->priority, on_admitted, run))
		r = launch(run, err);
	if (r < 0) {
		free_run(run);
		return r;
	}
	*ret = &run->run;
	return 0;
}
