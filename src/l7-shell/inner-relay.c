/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/inner-relay.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l7-shell/terminal-modes.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	PIECE_BYTES = 16 * 1024,
	OUT_BYTES_MAX = 2 * PIECE_BYTES + INNER_DIRECTORY_BYTES + 512,
	KEYS_BYTES = 4096,
	BURY_MS = 500,
	INTERRUPT_KEY = 'C' & 0x1F,
};

enum place { KEYS, MASTER, LINE, PROCESS, SIGNALS, N_PLACES };

struct relay {
	const struct inner_relay_task *task;
	struct terminal_modes modes;
	size_t sent;           /* of the line */
	char keys[KEYS_BYTES]; /* read, not yet taken by the pty */
	size_t n_keys;
	int signal_fd;
	uint64_t last_us;
	bool ended, hung_up;
};

void inner_relay_size(int master_fd)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		(void)ioctl(master_fd, TIOCSWINSZ, &size); /* else it keeps the size it has */
}

static int show(struct relay *relay, const char *bytes, size_t length)
{
	auto_buf struct buf out = BUF(OUT_BYTES_MAX);
	int r = inner_mark_feed(relay->task->mark, bytes, length, &out);

	if (r < 0 || out.length == 0)
		return r;
	terminal_modes_feed(&relay->modes, out.data, out.length);
	r = output_tail_add(relay->task->output, out.data, out.length);
	if (r == 0 && dir_write_all(STDOUT_FILENO, out.data, out.length) < 0)
		relay->hung_up = true;
	return r;
}

/* Everything that is there; 0 also when the other side is closed. */
static int take_output(struct relay *relay)
{
	char bytes[PIECE_BYTES];
	ssize_t n;
	int r = 0;

	n = read(relay->task->master_fd, bytes, sizeof(bytes));
	if (n > 0) {
		relay->last_us = clock_monotonic_us();
		r = show(relay, bytes, (size_t)n);
	}
	return r;
}

static void take_keys(struct relay *relay)
{
	ssize_t n = read(STDIN_FILENO, relay->keys, sizeof(relay->keys));

	if (n > 0)
		relay->n_keys = (size_t)n;
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		relay->hung_up = true;
	relay->last_us = clock_monotonic_us();
}

static void give_keys(struct relay *relay)
{
	ssize_t n = write(relay->task->master_fd, relay->keys, relay->n_keys);

	if (n <= 0)
		return; /* full, or closed: the process' end says so */
	relay->n_keys -= (size_t)n;
	memmove(relay->keys, relay->keys + n, relay->n_keys);
}

static void give_line(struct relay *relay)
{
	const struct inner_relay_task *task = relay->task;
	ssize_t n = write(task->line_fd, task->line + relay->sent, task->length - relay->sent);

	if (n > 0)
		relay->sent += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		relay->sent = task->length; /* nobody reads: the process' end says so */
}

static void take_signal(struct relay *relay)
{
	struct signalfd_siginfo info;

	if (read(relay->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		inner_relay_size(relay->task->master_fd);
	else if (info.ssi_signo == SIGINT && relay->n_keys == 0) /* pressed before it was a key */
		relay->keys[relay->n_keys++] = INTERRUPT_KEY;
	else if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP)
		relay->hung_up = true;
}

/* -ETIMEDOUT: too quiet for too long. */
static int wait_for(struct relay *relay, struct pollfd polled[N_PLACES])
{
	const struct inner_relay_task *task = relay->task;
	uint64_t now = clock_monotonic_us(), until = relay->last_us + task->quiet_us;
	int limit_ms = -1, n;

	if (task->quiet_us > 0)
		limit_ms = now >= until ? 0 : (int)((until - now) / CLOCK_MSEC_US) + 1;
	polled[KEYS] = (struct pollfd){ relay->n_keys == 0 ? STDIN_FILENO : -1, POLLIN, 0 };
	polled[MASTER] = (struct pollfd){ task->master_fd,
					  (short)(POLLIN | (relay->n_keys > 0 ? POLLOUT : 0)), 0 };
	polled[LINE] =
		(struct pollfd){ relay->sent < task->length ? task->line_fd : -1, POLLOUT, 0 };
	polled[PROCESS] = (struct pollfd){ task->pid_fd, POLLIN, 0 };
	polled[SIGNALS] = (struct pollfd){ relay->signal_fd, POLLIN, 0 };
	n = poll(polled, N_PLACES, limit_ms);
	if (n < 0 && errno != EINTR)
		return -errno;
	return n == 0 && task->quiet_us > 0 ? -ETIMEDOUT : 0;
}

static int step(struct relay *relay)
{
	struct pollfd polled[N_PLACES];
	int r = wait_for(relay, polled);

	if (r < 0)
		return r;
	if (polled[SIGNALS].revents)
		take_signal(relay);
	if (polled[MASTER].revents & POLLIN)
		r = take_output(relay);
	else if (polled[PROCESS].revents) /* behind everything it wrote */
		relay->ended = true;
	if (polled[MASTER].revents & POLLOUT)
		give_keys(relay);
	if (polled[LINE].revents)
		give_line(relay);
	if (polled[KEYS].revents)
		take_keys(relay);
	return r;
}

/* The signals the loop of the shell would take; nobody runs it meanwhile. */
static int open_signals(sigset_t *ret_before)
{
	static const int numbers[] = { SIGWINCH, SIGTERM, SIGHUP, SIGINT };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		(void)sigaddset(&set, numbers[i]); /* valid numbers */
	if (sigprocmask(SIG_BLOCK, &set, ret_before) < 0)
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int take_back(struct relay *relay)
{
	auto_buf struct buf out = BUF(OUT_BYTES_MAX);
	int r = terminal_modes_restore(&relay->modes, &out);

	if (r == 0 && out.length > 0 && dir_write_all(STDOUT_FILENO, out.data, out.length) < 0)
		relay->hung_up = true;
	return r;
}

static int run(struct relay *relay)
{
	struct termios before, raw;
	bool changed = tcgetattr(STDIN_FILENO, &before) == 0;
	int r = 0, back;

	if (changed) {
		raw = before;
		cfmakeraw(&raw);
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw); /* gone: the input ends */
	}
	inner_relay_size(relay->task->master_fd);
	while (r == 0 && !relay->task->mark->found && !relay->ended && !relay->hung_up)
		r = step(relay);
	back = take_back(relay);
	if (changed)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
	return r < 0 ? r : back;
}

int inner_relay(const struct inner_relay_task *task, enum inner_end *ret, struct error *err)
{
	struct relay relay = { .task = task,
			       .modes = TERMINAL_MODES,
			       .last_us = clock_monotonic_us() };
	sigset_t before;
	int r;

	relay.signal_fd = open_signals(&before);
	if (relay.signal_fd < 0)
		return FAIL(err, -errno, "signals: %s", strerror(errno));
	r = run(&relay);
	close_fd(&relay.signal_fd);
	(void)sigprocmask(SIG_SETMASK, &before, NULL); /* cannot fail with a valid set */
	if (r == -ETIMEDOUT)
		return FAIL(err, r, "the host's shell does not come to its prompt");
	if (r < 0)
		return FAIL(err, r, "the shell's terminal: %s", strerror(-r));
	*ret = relay.hung_up ? INNER_HUNG_UP : relay.ended ? INNER_ENDED : INNER_DONE;
	return 0;
}

int inner_relay_pump(int master_fd, struct inner_mark *mark)
{
	auto_buf struct buf out = BUF(OUT_BYTES_MAX);
	struct terminal_modes modes = TERMINAL_MODES;
	char bytes[PIECE_BYTES];
	ssize_t n = read(master_fd, bytes, sizeof(bytes));
	int r;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EIO;
	r = inner_mark_feed(mark, bytes, (size_t)n, &out);
	if (r == 0)
		terminal_modes_feed(&modes, buf_string(&out), out.length);
	if (r == 0 && out.length > 0)
		r = terminal_modes_restore(&modes, &out);
	return r < 0 ? r : dir_write_all(STDOUT_FILENO, buf_string(&out), out.length);
}

void inner_relay_bury(pid_t pid, int pid_fd)
{
	struct pollfd polled = { pid_fd, POLLIN, 0 };

	if (pid_fd < 0 || poll(&polled, 1, BURY_MS) != 1)
		(void)kill(pid, SIGKILL); /* ours, not yet waited for: the number is its own */
	(void)waitpid(pid, NULL, 0);      /* it has ended or is about to */
}
