/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One daemon's life: start, readiness, watchdog, end, back-off, start on demand (L7). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "base/number.h"
#include "base/trim.h"
#include "base/utf8.h"
#include "l7-shell/up-internal.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	QUICK_S = 10,          /* an end sooner than this after the start counts as quick */
	FREE_RESTARTS = 3,     /* quick ends in a row that cost no delay */
	BACKOFF_FIRST_MS = 50, /* then this, doubled with every further quick end */
	BACKOFF_DOUBLINGS_MAX = 7,
	RETRY_S = 5,      /* a failed daemon is tried again at the first call after this */
	UNREADY_MAX = 5,  /* ends in a row before it was ever ready: failed, it cannot start */
	HELD_MS = 50,     /* a process that has ended but is held by a tracer is looked at again */
	STOP_LIMIT_S = 5, /* between SIGTERM and SIGKILL */
	WATCHDOG_MAX_S = 600,
	WORDS_BYTES = 512,
};

const char *up_state_name(enum up_state state)
{
	switch (state) {
	case UP_STOPPED:
		return "stopped";
	case UP_STARTING:
		return "starting";
	case UP_RUNNING:
		return "running";
	case UP_BACKING_OFF:
		return "backing-off";
	case UP_FAILED:
		return "failed";
	}
	return "unknown";
}

static void set_state(struct up_daemon *daemon, enum up_state state)
{
	daemon->state = state;
	daemon->since_us = clock_realtime_us();
}

/*
 * Somebody waits at the socket of a daemon that does not run: it is started. One that has failed is
 * tried again now and then; whoever comes in between is turned away instead of being left to wait.
 */
static int on_demand(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct up_daemon *daemon = userdata;

	(void)events;
	if (daemon->state == UP_FAILED &&
	    clock_realtime_us() - daemon->since_us < RETRY_S * CLOCK_SECOND_US) {
		int turned_away_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		close_fd(&turned_away_fd);
		return 0;
	}
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	up_daemon_start(daemon);
	return 0;
}

static void fail(struct up_daemon *daemon)
{
	set_state(daemon, UP_FAILED);
	(void)sd_event_source_set_enabled(daemon->demand, SD_EVENT_ON);
}

static int on_backed_off(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	up_daemon_start(userdata);
	return 0;
}

static int on_overdue(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct up_daemon *daemon = userdata;

	(void)source;
	(void)usec;
	log_error("%s: no sign of life within its watchdog limit; it is killed and started again",
		  daemon->row->name);
	if (daemon->pid > 0)
		(void)kill(daemon->pid, SIGKILL); /* its end is an event */
	return 0;
}

static int on_kill(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct up_daemon *daemon = userdata;

	(void)source;
	(void)usec;
	log_warning("%s: did not end within %d s of SIGTERM; it is killed", daemon->row->name,
		    STOP_LIMIT_S);
	if (daemon->pid > 0)
		(void)kill(daemon->pid, SIGKILL); /* its end is an event */
	return 0;
}

static int arm(struct up_daemon *daemon, sd_event_source **source, uint64_t after_us,
	       sd_event_time_handler_t callback)
{
	sd_event_source_disable_unref(*source);
	*source = NULL;
	return sd_event_add_time_relative(daemon->up->event, source, CLOCK_MONOTONIC, after_us, 0,
					  callback, daemon);
}

int up_daemon_open(struct up *up, struct up_daemon *daemon, struct error *err)
{
	int type = strcmp(daemon->row->socket, "sandbox") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
	int r;

	daemon->up = up;
	daemon->listen_fd = up_socket_bind(up->run_fd, daemon->row->socket, type, err);
	if (daemon->listen_fd < 0)
		return daemon->listen_fd;
	set_state(daemon, UP_STOPPED);
	r = sd_event_add_io(up->event, &daemon->demand, daemon->listen_fd, EPOLLIN, on_demand,
			    daemon);
	if (r >= 0 && !daemon->row->on_demand) /* looked at when it has failed */
		r = sd_event_source_set_enabled(daemon->demand, SD_EVENT_OFF);
	return r < 0 ? FAIL(err, r, "%s: watch its socket: %s", daemon->row->name, strerror(-r))
		     : 0;
}

void up_daemon_close(struct up_daemon *daemon)
{
	sd_event_source_disable_unref(daemon->child);
	sd_event_source_disable_unref(daemon->demand);
	sd_event_source_disable_unref(daemon->timer);
	sd_event_source_disable_unref(daemon->watchdog);
	close_fd(&daemon->listen_fd);
}

/* The last line of its log, without the priority in front of it; "" when there is none. */
static void last_words(const struct up_daemon *daemon, struct buf *ret)
{
	char name[UP_REASON_BYTES], text[WORDS_BYTES + 1];
	auto_fd int fd = -1;
	const char *line;
	off_t end;
	ssize_t n;

	(void)snprintf(name, sizeof(name), "%s.log", daemon->row->name); /* names are short */
	fd = dir_open_nolink(daemon->up->log_fd, name, O_RDONLY, 0);
	end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	n = end < 0 ? -1 : pread(fd, text, WORDS_BYTES, end > WORDS_BYTES ? end - WORDS_BYTES : 0);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0)
		return;
	text[n] = '\0';
	line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	if (line[0] == '<' && line[1] && line[2] == '>')
		line += 3;
	if (utf8_add_repaired(ret, line, strlen(line)) < 0)
		buf_truncate(ret, 0); /* too long: the log has it */
}

static void describe_end(struct up_daemon *daemon, const siginfo_t *info)
{
	auto_buf struct buf words = BUF(4 * WORDS_BYTES);
	bool clean = info->si_code == CLD_EXITED && info->si_status == 0;

	if (!clean)
		last_words(daemon, &words);
	(void)snprintf(daemon->reason, sizeof(daemon->reason), "%s %d%s%s",
		       info->si_code == CLD_EXITED ? "ended with status" : "killed by signal",
		       info->si_status, words.length > 0 ? "; its last words: " : "",
		       buf_string(&words)); /* may be cut */
	daemon->reason[utf8_cut(daemon->reason, strlen(daemon->reason), UP_REASON_BYTES - 1)] =
		'\0';
}

static void restart_later(struct up_daemon *daemon, bool was_ready)
{
	bool quick = clock_realtime_us() - daemon->since_us < QUICK_S * CLOCK_SECOND_US;
	uint64_t delay_us = 0;
	unsigned doublings;

	daemon->restarts++;
	daemon->quick = quick ? daemon->quick + 1 : 0;
	daemon->unready = was_ready ? 0 : daemon->unready + 1;
	if (daemon->unready > UNREADY_MAX) {
		fail(daemon);
		log_error("%s: ended %u times before it was ready; given up: %s", daemon->row->name,
			  daemon->unready, daemon->reason);
		return;
	}
	if (daemon->quick > FREE_RESTARTS) {
		doublings = daemon->quick - FREE_RESTARTS - 1;
		delay_us =
			(BACKOFF_FIRST_MS * CLOCK_MSEC_US)
			<< (doublings < BACKOFF_DOUBLINGS_MAX ? doublings : BACKOFF_DOUBLINGS_MAX);
	}
	set_state(daemon, UP_BACKING_OFF);
	if (arm(daemon, &daemon->timer, delay_us, on_backed_off) < 0)
		fail(daemon);
}

static void ended(struct up_daemon *daemon, const siginfo_t *info)
{
	bool clean = info->si_code == CLD_EXITED && info->si_status == 0;
	bool was_ready = daemon->state == UP_RUNNING;

	daemon->child = sd_event_source_disable_unref(daemon->child);
	daemon->watchdog = sd_event_source_disable_unref(daemon->watchdog);
	daemon->timer = sd_event_source_disable_unref(daemon->timer);
	daemon->pid = 0;
	describe_end(daemon, info);
	if (daemon->up->stopping) {
		set_state(daemon, UP_STOPPED);
		up_stop_step(daemon->up);
		return;
	}
	if (clean && daemon->row->on_demand) { /* idle: that is no failure */
		set_state(daemon, UP_STOPPED);
		daemon->reason[0] = '\0';
		daemon->quick = 0;
		(void)sd_event_source_set_enabled(daemon->demand, SD_EVENT_ON);
		return;
	}
	if (!clean)
		log_warning("%s: %s", daemon->row->name, daemon->reason);
	restart_later(daemon, was_ready);
}

static int on_held(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct up_daemon *daemon = userdata;

	(void)source;
	(void)usec;
	return sd_event_source_set_enabled(daemon->child, SD_EVENT_ON);
}

/*
 * The pidfd says that the process has ended. One that is traced cannot be waited for until its
 * tracer lets go, and nothing announces that: then, and only then, it is looked at again after a
 * moment.
 */
static int on_end(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct up_daemon *daemon = userdata;
	siginfo_t info = { 0 };

	(void)events;
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) < 0) {
		log_error("%s: wait for its end: %m", daemon->row->name);
		info.si_code = CLD_KILLED; /* it cannot be ours any more */
	} else if (info.si_pid == 0) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return arm(daemon, &daemon->watchdog, HELD_MS * CLOCK_MSEC_US, on_held);
	}
	ended(daemon, &info);
	return 0;
}

/* A process that runs but cannot be watched must not go on. */
static void discard(struct up_daemon *daemon, int pidfd)
{
	if (daemon->pid > 0) {
		(void)kill(daemon->pid, SIGKILL); /* it is ours and not yet waited for */
		(void)waitpid(daemon->pid, NULL, 0);
	}
	daemon->pid = 0;
	close_fd(&pidfd);
}

void up_daemon_start(struct up_daemon *daemon)
{
	struct error err = { 0 };
	int pidfd = -1;
	int r;

	assert(daemon->pid == 0);
	r = up_enter(daemon->up, daemon, &daemon->pid, &pidfd, &err);
	if (r >= 0) {
		r = sd_event_add_io(daemon->up->event, &daemon->child, pidfd, EPOLLIN, on_end,
				    daemon);
		if (r >= 0)
			r = sd_event_source_set_io_fd_own(daemon->child, true);
		if (r < 0)
			(void)FAIL(&err, r, "watch its process: %s", strerror(-r));
	}
	if (r < 0) {
		log_error("%s: %s", daemon->row->name, err.text);
		(void)snprintf(daemon->reason, sizeof(daemon->reason), "%s", err.text);
		discard(daemon, pidfd);
		fail(daemon);
		return;
	}
	set_state(daemon, UP_STARTING);
}

static void set_watchdog(struct up_daemon *daemon, const char *value)
{
	uint64_t limit_us;

	if (number_parse_u64(value, 0, WATCHDOG_MAX_S * CLOCK_SECOND_US, &limit_us) < 0)
		return;
	daemon->watchdog_us = limit_us;
	if (limit_us == 0) {
		daemon->watchdog = sd_event_source_disable_unref(daemon->watchdog);
		trim_memory(); /* its work is done, and ours with it */
	} else if (arm(daemon, &daemon->watchdog, limit_us, on_overdue) < 0)
		log_warning("%s: its watchdog could not be armed", daemon->row->name);
}

void up_daemon_notify(struct up_daemon *daemon, const char *message)
{
	for (const char *at = message; *at;) {
		size_t n = strcspn(at, "\n");
		char line[64];

		if (n < sizeof(line)) {
			memcpy(line, at, n);
			line[n] = '\0';
			if (strcmp(line, "READY=1") == 0 && daemon->state == UP_STARTING)
				set_state(daemon, UP_RUNNING);
			else if (strncmp(line, "WATCHDOG_USEC=", 14) == 0)
				set_watchdog(daemon, line + 14);
			else if (strcmp(line, "WATCHDOG=1") == 0 && daemon->watchdog_us > 0)
				(void)arm(daemon, &daemon->watchdog, daemon->watchdog_us,
					  on_overdue);
		}
		at += n + (at[n] == '\n');
	}
}

void up_daemon_stop(struct up_daemon *daemon)
{
	(void)sd_event_source_set_enabled(daemon->demand, SD_EVENT_OFF);
	if (daemon->pid == 0) {
		daemon->timer = sd_event_source_disable_unref(daemon->timer);
		set_state(daemon, UP_STOPPED);
		return;
	}
	if (kill(daemon->pid, SIGTERM) < 0)
		log_warning("%s: SIGTERM: %m", daemon->row->name);
	if (arm(daemon, &daemon->timer, STOP_LIMIT_S * CLOCK_SECOND_US, on_kill) < 0)
		(void)kill(daemon->pid, SIGKILL); /* no timer, no patience */
}
