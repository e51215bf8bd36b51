/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/inner-shell.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l7-shell/host-shell.h"
#include "l7-shell/inner-mark.h"
#include "l7-shell/inner-relay.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum {
	START_FD = 9, /* one digit: dash knows no other */
	START_BYTES_MAX = 4096,
	LINE_BYTES_MAX = 16 * 1024 * 1024,
	OUT_BYTES_MAX = 1024 * 1024,
};

#define START_PATH "/proc/self/fd/9"

/* What the shell does before its first prompt: the person's own start files, then ours. */
#define LOGIN_FILES \
	"[ -r /etc/profile ] && . /etc/profile\n" \
	"for __claw in ~/.bash_profile ~/.bash_login ~/.profile; do\n" \
	"[ -r \"$__claw\" ] && { . \"$__claw\"; break; }; done; unset __claw\n"
#define BASH_FILES \
	"[ -r ~/.bashrc ] && . ~/.bashrc\nunset PROMPT_COMMAND PS0 HISTFILE\nset +o history\n"
#define BASH_KEEP "[ $# -lt 2 ] || history -s -- \"$2\"; "

#define OWN_TERMINAL "/dev/tty"

struct inner_shell {
	pid_t pid;
	int master_fd, slave_fd, line_fd, pid_fd;
	char terminal[32];    /* the pty's path, which programs like to know; else /dev/tty */
	struct termios usual; /* of the pty, before each command */
	struct inner_mark mark;
	struct output_tail output;
	struct buf ahead;
	int status;
};

/* Its path, when it is to be found there. */
static void name_terminal(struct inner_shell *shell)
{
	struct stat by_path, own;
	unsigned number = 0;
	int n = ioctl(shell->master_fd, TIOCGPTN, &number) == 0
			? snprintf(shell->terminal, sizeof(shell->terminal), "/dev/pts/%u", number)
			: -1;

	if (n > 0 && (size_t)n < sizeof(shell->terminal) && stat(shell->terminal, &by_path) == 0 &&
	    fstat(shell->slave_fd, &own) == 0 && by_path.st_rdev == own.st_rdev)
		return;
	memcpy(shell->terminal, OWN_TERMINAL, sizeof(OWN_TERMINAL));
}

static int open_terminal(struct inner_shell *shell, struct error *err)
{
	int locked = 0;

	shell->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (shell->master_fd < 0 || ioctl(shell->master_fd, TIOCSPTLCK, &locked) < 0)
		return FAIL(err, -errno, "no terminal for the shell: %s", strerror(errno));
	shell->slave_fd =
		ioctl(shell->master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (shell->slave_fd < 0)
		return FAIL(err, -errno, "no terminal for the shell: %s", strerror(errno));
	if (tcgetattr(STDIN_FILENO, &shell->usual) == 0)
		(void)tcsetattr(shell->master_fd, TCSANOW, &shell->usual); /* else: as it is made */
	else if (tcgetattr(shell->master_fd, &shell->usual) < 0)
		return FAIL(err, -errno, "the shell's terminal: %s", strerror(errno));
	name_terminal(shell);
	inner_relay_size(shell->master_fd);
	return 0;
}

/* The start file, as a sealed memfd. */
static int make_start(const struct inner_shell *shell, bool bash, bool login)
{
	auto_buf struct buf text = BUF(START_BYTES_MAX);
	int r = buf_printf(&text, "exec %d<&-\n%s%s__claw() { %sPS1='", START_FD,
			   login ? LOGIN_FILES : "", bash ? BASH_FILES : "", bash ? BASH_KEEP : "");

	if (r == 0)
		r = inner_mark_prompt(&shell->mark, &text);
	if (r == 0)
		r = buf_add_string(&text, "' PS2=; return \"$1\"; }\n__claw 0\n");
	return r < 0 ? r : dir_sealed_memfd("shell", text.data, text.length);
}

/* In the child: its own session on the pty, its lines from line_fd. */
_Noreturn static void become(const struct inner_shell *shell, const char *path, int line_fd,
			     int start_fd)
{
	static const int given_back[] = { SIGINT,  SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU,
					  SIGTERM, SIGHUP,  SIGPIPE, SIGCHLD, SIGWINCH };
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	const char *const bash[] = { "bash", "--noediting", "--rcfile", START_PATH, "-i", NULL };
	const char *const other[] = { "sh", "-i", NULL };
	/* opened anew: that ours does not block must not be theirs */
	int slave_fd = ioctl(shell->master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	sigset_t none;

	(void)sigemptyset(&none);
	for (size_t i = 0; i < sizeof(given_back) / sizeof(given_back[0]); i++)
		(void)sigaction(given_back[i], &usual, NULL); /* cannot fail for these */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (setsid() < 0 || ioctl(slave_fd, TIOCSCTTY, 0) < 0 || dup2(line_fd, STDIN_FILENO) < 0 ||
	    dup2(slave_fd, STDOUT_FILENO) < 0 || dup2(slave_fd, STDERR_FILENO) < 0 ||
	    (start_fd == START_FD ? fcntl(start_fd, F_SETFD, 0) : dup2(start_fd, START_FD)) < 0)
		_exit(127);
	if (host_shell_is_bash(path)) {
		(void)execve(path, (char *const *)(uintptr_t)bash, environ);
	} else {
		(void)!setenv("ENV", START_PATH, 1); /* without: no prompt, which is noticed */
		(void)execve(path, (char *const *)(uintptr_t)other, environ);
	}
	_exit(127);
}

static int start(struct inner_shell *shell, bool login, struct error *err)
{
	const char *path = host_shell_find();
	auto_fd int start_fd = -1, read_fd = -1;
	int fds[2];

	if (!path)
		return FAIL(err, -ENOENT, "this host has no shell");
	start_fd = make_start(shell, host_shell_is_bash(path), login);
	if (start_fd < 0)
		return FAIL(err, start_fd, "the shell's start: %s", strerror(-start_fd));
	if (pipe2(fds, O_CLOEXEC) < 0)
		return FAIL(err, -errno, "pipe: %s", strerror(errno));
	read_fd = fds[0];
	shell->line_fd = fds[1];
	if (fcntl(shell->line_fd, F_SETFL, O_WRONLY | O_NONBLOCK) < 0)
		return FAIL(err, -errno, "pipe: %s", strerror(errno));
	shell->pid = fork();
	if (shell->pid < 0)
		return FAIL(err, -errno, "the shell cannot be started: %s", strerror(errno));
	if (shell->pid == 0)
		become(shell, path, read_fd, start_fd);
	shell->pid_fd = (int)syscall(SYS_pidfd_open, shell->pid, 0);
	return shell->pid_fd < 0 ? FAIL(err, -errno, "pidfd: %s", strerror(errno)) : 0;
}

static void reap(struct inner_shell *shell)
{
	int status = 0;

	if (shell->pid <= 0 || waitpid(shell->pid, &status, 0) != shell->pid)
		return;
	shell->pid = 0;
	shell->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int relay(struct inner_shell *shell, const char *line, size_t length, uint64_t quiet_us,
		 enum inner_end *ret, struct error *err)
{
	const struct inner_relay_task task = {
		.master_fd = shell->master_fd,
		.line_fd = shell->line_fd,
		.pid_fd = shell->pid_fd,
		.line = line,
		.length = length,
		.mark = &shell->mark,
		.output = &shell->output,
		.quiet_us = quiet_us,
	};
	int r;

	shell->mark.found = false;
	r = inner_relay(&task, ret, err);
	if (r < 0)
		return r;
	shell->status = shell->mark.status;
	if (*ret == INNER_ENDED)
		reap(shell);
	return 0;
}

int inner_shell_open(bool login, struct inner_shell **ret, struct error *err)
{
	enum { QUIET_SECONDS = 15 };
	struct inner_shell *shell = calloc(1, sizeof(*shell));
	enum inner_end end = INNER_DONE;
	int r;

	if (!shell)
		return FAIL(err, -ENOMEM, "out of memory");
	shell->master_fd = shell->slave_fd = shell->line_fd = shell->pid_fd = -1;
	shell->output = OUTPUT_TAIL;
	shell->ahead = BUF(OUT_BYTES_MAX);
	r = inner_mark_init(&shell->mark, err);
	if (r == 0)
		r = open_terminal(shell, err);
	if (r == 0)
		r = start(shell, login, err);
	if (r == 0)
		r = relay(shell, "", 0, QUIET_SECONDS * CLOCK_SECOND_US, &end, err);
	if (r == 0 && end != INNER_DONE)
		r = FAIL(err, -ECHILD, "the shell ended before its first prompt (status %d)",
			 shell->status);
	if (r < 0) {
		inner_shell_close(shell);
		return r;
	}
	output_tail_begin(&shell->output);
	*ret = shell;
	return 0;
}

void inner_shell_close(struct inner_shell *shell)
{
	if (!shell)
		return;
	close_fd(&shell->line_fd);
	close_fd(&shell->slave_fd);
	close_fd(&shell->master_fd); /* hangs up: the shell and its jobs are told */
	if (shell->pid > 0)
		inner_relay_bury(shell->pid, shell->pid_fd);
	close_fd(&shell->pid_fd);
	inner_mark_free(&shell->mark);
	output_tail_free(&shell->output);
	buf_free(&shell->ahead);
	free(shell);
}

static int add_quoted(const char *text, struct buf *out)
{
	int r = buf_add_char(out, '\'');

	for (; *text && r == 0; text++)
		r = *text == '\'' ? buf_add_string(out, "'\\''") : buf_add_char(out, *text);
	return r < 0 ? r : buf_add_char(out, '\'');
}

/* A line as it is sent: input and output are the terminal's, whatever the line before did. */
static int make_line(const struct inner_shell *shell, const char *text, struct buf *line)
{
	const char *path = shell->terminal;
	int r = buf_add_string(line, " eval ");

	if (r == 0)
		r = add_quoted(text, line);
	if (r == 0)
		r = buf_printf(line, " <%s >%s 2>%s; __claw $? ", path, path, path);
	if (r == 0)
		r = add_quoted(text, line);
	return r < 0 ? r : buf_add_char(line, '\n');
}

/* What the command has not read of what was typed; the terminal is as usual for the next one. */
static void gather_ahead(struct inner_shell *shell)
{
	struct termios keys = shell->usual;
	char bytes[4096];
	ssize_t n;

	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	(void)tcsetattr(shell->master_fd, TCSANOW, &keys); /* without: nothing is read */
	while ((n = read(shell->slave_fd, bytes, sizeof(bytes))) > 0)
		(void)!buf_add(&shell->ahead, bytes, (size_t)n); /* too much is left out */
	(void)tcsetattr(shell->master_fd, TCSANOW, &shell->usual);
}

int inner_shell_run(struct inner_shell *shell, const char *text, enum inner_end *ret,
		    int *ret_status, struct error *err)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);
	int r = make_line(shell, text, &line);

	if (r < 0)
		return FAIL(err, r, "the command is too long");
	output_tail_begin(&shell->output);
	buf_truncate(&shell->ahead, 0);
	r = relay(shell, line.data, line.length, 0, ret, err);
	if (r < 0)
		return r;
	gather_ahead(shell);
	*ret_status = shell->status;
	return 0;
}

int inner_shell_fd(const struct inner_shell *shell)
{
	return shell->master_fd;
}

int inner_shell_pump(struct inner_shell *shell)
{
	return inner_relay_pump(shell->master_fd, &shell->mark);
}

const char *inner_shell_directory(const struct inner_shell *shell)
{
	return shell->mark.directory;
}

int inner_shell_status(const struct inner_shell *shell)
{
	return shell->status;
}

const struct output_tail *inner_shell_output(const struct inner_shell *shell)
{
	return &shell->output;
}

int inner_shell_take_ahead(struct inner_shell *shell, struct buf *out)
{
	int r = buf_add(out, buf_string(&shell->ahead), shell->ahead.length);

	buf_truncate(&shell->ahead, 0);
	return r;
}
