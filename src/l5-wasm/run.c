/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/run.h"

#include "base/clock.h"
#include "base/dir.h"
#include "base/number.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { BLOCK_BYTES = 64 * 1024, KILL_ROUNDS_MAX = 1000, PID_LIST_BYTES = 64 * 1024 };

struct pipes {
	int out[2], err[2], failed[2]; /* failed: the errno of an exec that did not happen */
};

static void pipes_fini(struct pipes *pipes)
{
	int *all[] = { pipes->out, pipes->err, pipes->failed };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		close_fd(&all[i][0]);
		close_fd(&all[i][1]);
	}
}

static int pipes_open(struct pipes *ret)
{
	if (pipe2(ret->out, O_CLOEXEC) < 0 || pipe2(ret->err, O_CLOEXEC) < 0 ||
	    pipe2(ret->failed, O_CLOEXEC) < 0)
		return -errno;
	if (fcntl(ret->out[0], F_SETFL, O_NONBLOCK) < 0 ||
	    fcntl(ret->err[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/* In the child. Returns the errno when no shell could be started. */
static int become_shell(const char *command, int directory_fd, const struct pipes *pipes)
{
	static const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/tmp",
		"TMPDIR=/tmp",
		"LANG=C.UTF-8",
		"TERM=dumb",
		"NO_COLOR=1",
		"PAGER=cat",
		"GIT_PAGER=cat",
		"GIT_TERMINAL_PROMPT=0",
		"DEBIAN_FRONTEND=noninteractive",
		"PYTHONUNBUFFERED=1", /* what was printed before a time limit is seen */
		NULL,
	};
	static const char *const shells[] = { "/bin/bash", "/bin/sh" };
	int null_fd = dir_open_configured("/dev/null", O_RDONLY, 0), error = ENOENT;

	if (null_fd < 0)
		return -null_fd;
	if (setsid() < 0 || fchdir(directory_fd) < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(pipes->out[1], STDOUT_FILENO) < 0 || dup2(pipes->err[1], STDERR_FILENO) < 0)
		return errno;
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]) && error == ENOENT; i++) {
		const char *const args[] = { shells[i], "-c", "--", command, NULL };

		/* execve only reads; the type lacks the const */
		(void)execve(shells[i], (char *const *)(uintptr_t)args,
			     (char *const *)(uintptr_t)environment);
		error = errno;
	}
	return error;
}

/* The errno the child reported instead of becoming a shell, or 0 when it became one. */
static int start_error(const struct pipes *pipes)
{
	int error = 0;
	ssize_t n;

	do
		n = read(pipes->failed[0], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? error : 0;
}

/* Takes what is there. *ret_open false when the stream has ended. */
static int drain(int fd, struct capture *capture, bool *ret_open)
{
	char block[BLOCK_BYTES];
	ssize_t n = read(fd, block, sizeof(block));

	*ret_open = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
	return n > 0 ? capture_add(capture, block, (size_t)n) : 0;
}

static int drain_all(const struct pipes *pipes, struct run_result *result)
{
	const struct {
		int fd;
		struct capture *capture;
	} streams[] = { { pipes->out[0], &result->out }, { pipes->err[0], &result->err } };

	for (size_t i = 0; i < 2; i++) {
		uint64_t before;

		do { /* until nothing more is there: every writer is gone or is not waited for */
			bool open;
			int r;

			before = streams[i].capture->total;
			r = drain(streams[i].fd, streams[i].capture, &open);
			if (r < 0)
				return r;
		} while (streams[i].capture->total > before);
	}
	return 0;
}

static struct timespec time_left(uint64_t deadline_us)
{
	uint64_t now_us = clock_monotonic_us(),
		 left = deadline_us > now_us ? deadline_us - now_us : 0;

	return (struct timespec){ .tv_sec = (time_t)(left / CLOCK_SECOND_US),
				  .tv_nsec = (long)(left % CLOCK_SECOND_US * 1000) };
}

/* Reads the outputs until the command has ended; *ret_late true at the deadline. */
static int watch(int pid_fd, const struct pipes *pipes, uint64_t deadline_us,
		 struct run_result *result, bool *ret_late)
{
	struct pollfd watched[] = {
		{ .fd = pid_fd, .events = POLLIN },
		{ .fd = pipes->out[0], .events = POLLIN },
		{ .fd = pipes->err[0], .events = POLLIN },
	};
	struct capture *captures[] = { NULL, &result->out, &result->err };

	for (;;) {
		struct timespec left = time_left(deadline_us);
		int n = ppoll(watched, sizeof(watched) / sizeof(watched[0]), &left, NULL);

		if (n < 0 && errno != EINTR)
			return -errno;
		*ret_late = n == 0 || clock_monotonic_us() >= deadline_us;
		if (*ret_late)
			return 0;
		for (size_t i = 1; n > 0 && i < sizeof(watched) / sizeof(watched[0]); i++) {
			bool open = true;
			int r = watched[i].revents != 0 ? drain(watched[i].fd, captures[i], &open)
							: 0;

			if (r < 0)
				return r;
			if (!open)
				watched[i].fd = -1;
		}
		if (n > 0 && watched[0].revents != 0)
			return 0;
	}
}

/* Kills the children that became ours; false when there is none or they cannot be listed. */
static bool kill_children(void)
{
	auto_buf struct buf list = BUF(PID_LIST_BYTES);
	auto_fd int fd = dir_open_configured("/proc/thread-self/children", O_RDONLY, 0);
	char *at, *word;
	bool any = false;

	if (fd < 0 || dir_read_fd(fd, &list) < 0 || list.length == 0)
		return false;
	at = list.data;
	while ((word = strsep(&at, " "))) {
		int64_t pid;

		if (number_parse_i64(word, 2, INT32_MAX, &pid) < 0)
			continue;
		any = true;
		(void)kill((pid_t)pid, SIGKILL); /* gone already: fine */
	}
	return any;
}

static void reap(int options)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, options);
	while (pid > 0 || (pid < 0 && errno == EINTR));
}

/* The command's leader has been reaped; ends whatever it left. */
static void kill_rest(pid_t leader)
{
	(void)kill(-leader, SIGKILL); /* an empty group: fine */
	if (getpid() == 1) {
		(void)kill(-1, SIGKILL); /* everything else in this pid namespace */
		reap(0);
		return;
	}
	for (int i = 0; i < KILL_ROUNDS_MAX && kill_children(); i++)
		reap(0);
	reap(WNOHANG);
}

/* Ends the leader when it is late, and says how it ended. */
static int collect(pid_t leader, bool is_late, struct run_result *result)
{
	siginfo_t how = { 0 };
	int r;

	if (is_late)
		(void)kill(-leader, SIGKILL); /* ended by itself just now: fine */
	do
		r = waitid(P_PID, (id_t)leader, &how, WEXITED);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	result->end = is_late                     ? RUN_TIMED_OUT
		      : how.si_code == CLD_EXITED ? RUN_EXITED
						  : RUN_SIGNALLED;
	result->status = how.si_status;
	return 0;
}

static int run_started(pid_t leader, struct pipes *pipes, uint64_t deadline_us,
		       struct run_result *ret)
{
	auto_fd int pid_fd = (int)syscall(SYS_pidfd_open, leader, 0);
	bool is_late = true; /* when it cannot be watched it is ended */
	int error, r, ended;

	close_fd(&pipes->out[1]);
	close_fd(&pipes->err[1]);
	close_fd(&pipes->failed[1]);
	pipes->out[1] = pipes->err[1] = pipes->failed[1] = -1;
	error = start_error(pipes);
	r = pid_fd < 0 ? -errno : watch(pid_fd, pipes, deadline_us, ret, &is_late);
	ended = collect(leader, r < 0 || is_late, ret);
	kill_rest(leader);
	if (error != 0)
		return -error;
	if (r == 0)
		r = ended;
	return r < 0 ? r : drain_all(pipes, ret);
}

int run_command(const char *command, int directory_fd, uint64_t deadline_us, struct run_result *ret)
{
	CLEANUP(pipes_fini) struct pipes pipes = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	pid_t leader;
	int r = pipes_open(&pipes);

	if (r < 0)
		return r;
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return -errno;
	leader = fork();
	if (leader < 0)
		return -errno;
	if (leader == 0) {
		int error = become_shell(command, directory_fd, &pipes);

		(void)!write(pipes.failed[1], &error, sizeof(error)); /* nobody else to tell */
		_exit(EXIT_FAILURE);
	}
	return run_started(leader, &pipes, deadline_us, ret);
}

void run_result_init(struct run_result *result)
{
	*result = (struct run_result){ 0 };
	capture_init(&result->out);
	capture_init(&result->err);
}

void run_result_fini(struct run_result *result)
{
	capture_fini(&result->out);
	capture_fini(&result->err);
}
