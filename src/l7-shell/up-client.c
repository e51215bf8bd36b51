/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* How a client makes sure the system runs, and stops it (L7). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l7-shell/up-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_LIMIT_MS = 20 * 1000, READY_FD = 3 };
enum { FILE_DIGITS = 16 }; /* of an identity: those of clawos.conf */
#define AGENT_LIMIT_US (5 * CLOCK_SECOND_US)

static void unref_link(sd_varlink *link)
{
	sd_varlink_flush_close_unref(link);
}
DEFINE_CLEANUP(sd_varlink *, unref_link)
#define auto_link CLEANUP(unref_link_ptr)

struct seat {
	int state_fd, run_fd, start_lock_fd;
};

static void close_seat(struct seat *seat)
{
	close_fd(&seat->start_lock_fd);
	close_fd(&seat->run_fd);
	close_fd(&seat->state_fd);
}

/* Opens the state; waits for whoever is starting or stopping the system right now. */
static int open_seat(const struct up_paths *paths, struct seat *ret, struct error *err)
{
	*ret = (struct seat){ -1, -1, -1 };
	ret->state_fd = dir_open_configured(paths->state, O_RDONLY | O_DIRECTORY, 0);
	if (ret->state_fd < 0)
		return FAIL(err, ret->state_fd, "%s: %s", paths->state, strerror(-ret->state_fd));
	if (mkdirat(ret->state_fd, "run", 0700) < 0 && errno != EEXIST)
		return FAIL(err, -errno, "%s/run: %m", paths->state);
	ret->run_fd = dir_open_nolink(ret->state_fd, "run", O_RDONLY | O_DIRECTORY, 0);
	if (ret->run_fd < 0)
		return FAIL(err, ret->run_fd, "%s/run: %s", paths->state, strerror(-ret->run_fd));
	ret->start_lock_fd = dir_open(ret->run_fd, "start", O_RDWR | O_CREAT, 0600);
	if (ret->start_lock_fd < 0)
		return FAIL(err, ret->start_lock_fd, "%s/run/start: %s", paths->state,
			    strerror(-ret->start_lock_fd));
	if (flock(ret->start_lock_fd, LOCK_EX) < 0)
		return FAIL(err, -errno, "%s/run/start: %m", paths->state);
	return 0;
}

/* *ret NULL when no supervisor answers. */
static int connect_up(int run_fd, sd_varlink **ret, struct error *err)
{
	auto_fd int fd = up_socket_connect(run_fd, "up", SOCK_STREAM, NULL);
	int r;

	*ret = NULL;
	if (fd == -ENOENT || fd == -ECONNREFUSED)
		return 0;
	if (fd < 0)
		return FAIL(err, fd, "supervisor socket: %s", strerror(-fd));
	r = sd_varlink_connect_fd(ret, fd);
	if (r < 0)
		return FAIL(err, r, "supervisor socket: %s", strerror(-r));
	(void)take_fd(&fd); /* the connection's now */
	return 0;
}

static bool is_same_but_config(const char *running, const char *wanted)
{
	return strncmp(running, wanted, FILE_DIGITS) == 0 &&
	       strcmp(strrchr(running, ':'), strrchr(wanted, ':')) == 0;
}

/* What is not the same, in a person's words. */
static const char *difference(const char *running, const char *wanted)
{
	if (strcmp(strrchr(running, ':'), strrchr(wanted, ':')) != 0)
		return "other programs or weights";
	return strncmp(running, wanted, FILE_DIGITS) != 0 ? "another clawos.conf"
							  : "another environment";
}

/* ret_what: in which way, when it is UP_ANEW. */
static int compare(sd_varlink *link, const struct up_paths *paths, int state_fd,
		   enum up_difference *ret, const char **ret_what, struct error *err)
{
	CLEANUP(up_config_free) struct up_config config = { 0 };
	struct up_paths without_model = *paths;
	sd_json_variant *reply = NULL;
	const char *error_id = NULL, *running;
	char wanted[64];
	int r = sd_varlink_call(link, "io.clawos.Supervisor.Status", NULL, &reply, &error_id);

	if (r < 0 || error_id)
		return FAIL(err, r < 0 ? r : -EPROTO, "the supervisor did not answer: %s",
			    error_id ? error_id : strerror(-r));
	running = sd_json_variant_string(sd_json_variant_by_key(reply, "config"));
	*ret = UP_SAME;
	*ret_what = NULL;
	if (!paths->bin || !paths->base || !paths->share || !running)
		return 0; /* nothing to compare with: a client without the parts uses what runs */
	r = up_identity(paths, state_fd, &config, wanted, err);
	if (r < 0)
		return r;
	if (strcmp(running, wanted) == 0)
		return 0;
	*ret_what = difference(running, wanted);
	*ret = UP_ANEW;
	if (config.from_environment)
		return 0;
	/* This environment says nothing about models: file and programs count, the rest stays as
	 * started. */
	if (!is_same_but_config(running, wanted) && paths->model) {
		/* what was started for a provider has no model of its own */
		without_model.model = NULL;
		up_config_free(&config);
		r = up_identity(&without_model, state_fd, &config, wanted, err);
		if (r < 0)
			return r;
	}
	if (is_same_but_config(running, wanted))
		*ret = strcmp(running, wanted) == 0 ? UP_SAME : UP_KEPT;
	return 0;
}

static int64_t count_turns(int run_fd)
{
	auto_fd int fd = up_socket_connect(run_fd, "agent", SOCK_STREAM, NULL);
	auto_link sd_varlink *link = NULL;
	sd_json_variant *reply = NULL, *status;
	const char *error_id = NULL;

	if (fd < 0 || sd_varlink_connect_fd(&link, fd) < 0)
		return 0;
	(void)take_fd(&fd); /* the connection's now */
	if (sd_varlink_set_relative_timeout(link, AGENT_LIMIT_US) < 0 ||
	    sd_varlink_call(link, "io.clawos.Agent.Status", NULL, &reply, &error_id) < 0 ||
	    error_id)
		return 0;
	status = sd_json_variant_by_key(reply, "status");
	return status ? sd_json_variant_integer(sd_json_variant_by_key(status, "running")) : 0;
}

int up_check_idle(int run_fd, struct error *err)
{
	long long running = count_turns(run_fd);

	if (running <= 0)
		return 0;
	return FAIL(err, -EBUSY,
		    "%lld turn%s under way, which would be cut off; wait for the end, or end "
		    "everything with claw stop",
		    running, running == 1 ? " is" : "s are");
}

static int call_stop(sd_varlink *link, int run_fd, struct error *err)
{
	auto_fd int lock_fd = dir_open(run_fd, "lock", O_RDWR | O_CREAT, 0600);
	const char *error_id = NULL;
	sd_json_variant *reply = NULL;
	int r = sd_varlink_call(link, "io.clawos.Supervisor.Stop", NULL, &reply, &error_id);

	/* It may end before its answer is read; its lock tells for certain. */
	if (error_id && strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) != 0)
		return FAIL(err, -EIO, "the supervisor refused to stop: %s", error_id);
	(void)r;
	if (lock_fd < 0)
		return FAIL(err, lock_fd, "run/lock: %s", strerror(-lock_fd));
	if (flock(lock_fd, LOCK_EX) < 0)
		return FAIL(err, -errno, "wait for the supervisor's end: %m");
	return 0;
}

static _Noreturn void become_supervisor(const struct up_paths *paths, int ready_fd, int log_fd)
{
	const char *const argv[] = { "claw", "up", "--state", paths->state, "--ready", NULL };
	int null_fd = dir_open_configured("/dev/null", O_RDWR, 0);

	if (setsid() < 0 || null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(log_fd, STDOUT_FILENO) < 0 || dup2(log_fd, STDERR_FILENO) < 0 ||
	    dup2(ready_fd, READY_FD) < 0 || fcntl(READY_FD, F_SETFD, 0) < 0)
		_exit(EXIT_FAILURE);
	(void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(EXIT_FAILURE);
}

/* Waits for the supervisor's byte. */
static int await_ready(int fd, pid_t pid, const struct up_paths *paths, struct error *err)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char text[ERROR_TEXT_BYTES];
	ssize_t n;
	int r;

	do
		r = poll(&poll_fd, 1, READY_LIMIT_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return FAIL(err, -ETIMEDOUT,
			    "the system did not come up within %d s; see %s/log/up.log",
			    READY_LIMIT_MS / 1000, paths->state);
	n = read(fd, text, sizeof(text) - 1);
	if (n > 0 && text[0] == '\n')
		return 0;
	(void)waitpid(pid, NULL, WNOHANG); /* it ends by itself */
	if (n <= 0)
		return FAIL(err, -EIO, "the supervisor ended at its start; see %s/log/up.log",
			    paths->state);
	text[n] = '\0';
	return FAIL(err, -EIO, "%s", text);
}

static int start(const struct up_paths *paths, int state_fd, struct error *err)
{
	auto_fd int log_dir_fd = -1, log_fd = -1, read_fd = -1, write_fd = -1;
	int pipe_fds[2];
	pid_t pid;

	if (!paths->bin || !paths->base || !paths->share)
		return FAIL(err, -ENOENT,
			    "the system does not run and its parts are unknown: start it once with"
			    " ./clawos run");
	if (mkdirat(state_fd, "log", 0700) < 0 && errno != EEXIST)
		return FAIL(err, -errno, "%s/log: %m", paths->state);
	log_dir_fd = dir_open_nolink(state_fd, "log", O_RDONLY | O_DIRECTORY, 0);
	if (log_dir_fd < 0)
		return FAIL(err, log_dir_fd, "%s/log: %s", paths->state, strerror(-log_dir_fd));
	log_fd = dir_open(log_dir_fd, "up.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (log_fd < 0)
		return FAIL(err, log_fd, "%s/log/up.log: %s", paths->state, strerror(-log_fd));
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return FAIL(err, -errno, "pipe: %m");
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	pid = fork();
	if (pid < 0)
		return FAIL(err, -errno, "fork: %m");
	if (pid == 0)
		become_supervisor(paths, write_fd, log_fd);
	close_fd(&write_fd);
	write_fd = -1;
	return await_ready(read_fd, pid, paths, err);
}

/* What runs is not what is wanted: its end, unless that would cut something off. */
static int stop_idle(sd_varlink *link, int run_fd, const char *what, struct error *err)
{
	struct error why = { 0 };
	int r = up_check_idle(run_fd, &why);

	if (r < 0)
		return FAIL(err, r, "the system runs with %s and would have to start anew, but %s",
			    what, why.text);
	return call_stop(link, run_fd, err);
}

int up_ensure(const struct up_paths *paths, struct error *err)
{
	CLEANUP(close_seat) struct seat seat = { -1, -1, -1 };
	auto_link sd_varlink *link = NULL;
	enum up_difference other = UP_SAME;
	const char *what = NULL;
	int r = open_seat(paths, &seat, err);

	if (r == 0)
		r = connect_up(seat.run_fd, &link, err);
	if (r == 0 && link)
		r = compare(link, paths, seat.state_fd, &other, &what, err);
	if (r == 0 && other == UP_ANEW)
		r = stop_idle(link, seat.run_fd, what, err);
	if (r == 0 && (!link || other == UP_ANEW))
		r = start(paths, seat.state_fd, err);
	return r;
}

int up_stop(const struct up_paths *paths, bool *ret_was_running, struct error *err)
{
	CLEANUP(close_seat) struct seat seat = { -1, -1, -1 };
	auto_link sd_varlink *link = NULL;
	int r = open_seat(paths, &seat, err);

	if (r == 0)
		r = connect_up(seat.run_fd, &link, err);
	if (r < 0)
		return r;
	*ret_was_running = link != NULL;
	return link ? call_stop(link, seat.run_fd, err) : 0;
}

int up_compare(const struct up_paths *paths, enum up_difference *ret, struct error *err)
{
	CLEANUP(close_seat) struct seat seat = { -1, -1, -1 };
	auto_link sd_varlink *link = NULL;
	const char *what;
	int r = open_seat(paths, &seat, err);

	*ret = UP_SAME;
	if (r == 0)
		r = connect_up(seat.run_fd, &link, err);
	return r == 0 && link ? compare(link, paths, seat.state_fd, ret, &what, err) : r;
}
