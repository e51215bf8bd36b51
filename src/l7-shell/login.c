/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/login.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l7-shell/flow.h"
#include "l7-shell/host-shell.h"
#include "l7-shell/link.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SILENT_MS = 1000,           /* then the person is told what is waited for */
	REACH_LIMIT_MS = 60 * 1000, /* of all: longer than a start takes */
	REASON_BYTES = sizeof(((struct error *)0)->text),
};
#define ANSWER_LIMIT_US (10 * CLOCK_SECOND_US)

bool login_is_meant(const struct options *options)
{
	const char *shell = getenv("SHELL"), *slash = shell ? strrchr(shell, '/') : NULL;

	return options->login || (slash && strcmp(slash + 1, "claw") == 0);
}

bool login_is_for_host(const struct options *options)
{
	bool terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;

	if (options->command || options->from_stdin || options->shell_rest)
		return true;
	/* nobody is there to talk to: commands come on standard input, as with ssh HOST < FILE */
	return options->login && !terminal && options->n_args == 0 && !options->message &&
	       !options->help && !options->version;
}

int login_run_host(const struct options *options, struct error *err)
{
	const struct host_shell_call call = {
		.login = options->login,
		.interactive = options->interactive,
		.from_stdin = options->from_stdin,
		.command = options->command,
		.rest = (const char *const *)options->shell_rest,
	};

	return host_shell_become(&call, err);
}

int login_without_system(const struct options *options, const struct error *why)
{
	struct screen notes;
	struct error err = { 0 };
	struct flow flow;

	screen_open(&notes, STDERR_FILENO);
	flow_begin(&flow, &notes, 0, 2);
	flow_foreign(&flow, STYLE_PLAIN, "claw: ", why->text);
	flow_own(&flow, STYLE_PLAIN, "this is the host's own shell");
	flow_end(&flow);
	(void)!screen_flush(&notes, NULL); /* nowhere else to say it */
	if (login_run_host(options, &err) < 0) {
		screen_foreign(&notes, STYLE_PLAIN, err.text, 0);
		screen_own(&notes, STYLE_PLAIN, "\n");
		(void)!screen_flush(&notes, NULL); /* as above */
	}
	screen_close(&notes);
	return SHELL_FAILED;
}

/* In the child: what may hang. Its words go to the pipe; none: all is well. */
_Noreturn static void try_system(struct shell *shell, int write_fd)
{
	struct error err = { 0 };
	sd_varlink *link = NULL;
	int r = shell_connect(shell, &err);

	if (r == 0)
		r = link_open_within(shell->run_fd, "agent", ANSWER_LIMIT_US, &link, &err);
	if (r == 0)
		r = link_call(link, "io.clawos.Agent.Status", NULL, NULL, &err);
	if (r < 0)
		(void)!dir_write_all(write_fd, err.text, strlen(err.text)); /* the status tells */
	_exit(r < 0 ? SHELL_FAILED : SHELL_ANSWERED);
}

static int open_interrupt(sigset_t *ret_before)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT); /* a valid number */
	if (sigprocmask(SIG_BLOCK, &set, ret_before) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until the child's words or its end, Ctrl-C, or the time is over. */
static int await(struct shell *shell, int read_fd, int signal_fd, struct buf *words)
{
	uint64_t begun = clock_monotonic_us();
	int limit_ms = SILENT_MS;

	for (;;) {
		struct pollfd polled[] = { { read_fd, POLLIN, 0 }, { signal_fd, POLLIN, 0 } };
		int n = poll(polled, 2, limit_ms);
		char *at;

		if (n == 0 && limit_ms != SILENT_MS)
			return -ETIMEDOUT;
		if (n == 0) {
			limit_ms = REACH_LIMIT_MS -
				   (int)((clock_monotonic_us() - begun) / CLOCK_MSEC_US);
			screen_own(&shell->out, STYLE_DIM,
				   "waiting for the system; Ctrl-C: commands without it\n");
			(void)!screen_flush(&shell->out, NULL); /* remembered by the screen */
			continue;
		}
		if (polled[1].revents)
			return -ECANCELED;
		if (polled[0].revents) {
			int r = buf_reserve(words, REASON_BYTES, &at);
			ssize_t got = r < 0 ? r : read(read_fd, at, REASON_BYTES);

			if (got <= 0)
				return 0;
			buf_commit(words, (size_t)got);
		}
	}
}

static int outcome(pid_t pid, int r, const struct buf *words, struct error *err)
{
	int status = 0;

	if (r < 0)
		(void)kill(pid, SIGKILL); /* ours, not yet waited for */
	if (waitpid(pid, &status, 0) != pid)
		return FAIL(err, -ECHILD, "looking for the system: %s", strerror(errno));
	if (r == -ECANCELED)
		return FAIL(err, r, "the system was not waited for");
	if (r < 0)
		return FAIL(err, r, "the system does not answer");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return FAIL(err, -EHOSTDOWN, "%s",
		    words->length > 0 ? buf_string(words) : "the system does not start");
}

int login_reach(struct shell *shell, struct error *err)
{
	auto_buf struct buf words = BUF(4 * REASON_BYTES);
	auto_fd int read_fd = -1, write_fd = -1, signal_fd = -1;
	struct signalfd_siginfo info;
	sigset_t before;
	int fds[2], r;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return FAIL(err, -errno, "pipe: %s", strerror(errno));
	read_fd = fds[0];
	write_fd = fds[1];
	signal_fd = open_interrupt(&before);
	if (signal_fd < 0)
		return FAIL(err, -errno, "signals: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		try_system(shell, write_fd);
	close_fd(&write_fd);
	write_fd = -1;
	r = pid < 0 ? FAIL(err, -errno, "fork: %s", strerror(errno))
		    : outcome(pid, await(shell, read_fd, signal_fd, &words), &words, err);
	(void)!read(signal_fd, &info, sizeof(info));   /* it has done what it was pressed for */
	(void)sigprocmask(SIG_SETMASK, &before, NULL); /* cannot fail with a valid set */
	return r < 0 ? r : shell_attach(shell, err);
}
