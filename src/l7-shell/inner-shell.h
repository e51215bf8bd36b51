/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * inner-shell - the person's POSIX shell, which stays between lines: directory, variables, jobs,
 * aliases (L7).
 *
 * It is the host's own (host-shell.h), with the person's rights, interactive, on a terminal of its
 * own (pty), so that vim, less and sudo work. Its commands come through a pipe and are evaluated
 * with the pty as their input and output; its prompt is a mark with a secret number that is taken
 * out of the output and says that a command is over, with which status and in which directory.
 * While a command runs the terminal is its own: keys and output go through as they are; Ctrl-C and
 * Ctrl-Z mean what they mean in any shell. Afterwards the terminal is as it was (terminal-modes.h).
 *
 * Ownership  inner_shell_close() hangs up, as a terminal that is closed does.
 * Errors     -errno with a sentence: no pty, no shell, one that does not come to its prompt.
 * Threads    None. inner_shell_run() returns when the command is over; no event loop runs
 * meanwhile. Source     POSIX.1-2024 sh; pty(7), termios(3). Tests
 * tests/process/test-claw-shell.py.
 */
#pragma once

#include "base/buf.h"
#include "l7-shell/output-tail.h"

#include <stdbool.h>

struct inner_shell;

enum inner_end {
	INNER_DONE,   /* the command is over, or stopped: a job */
	INNER_ENDED,  /* the shell itself ended (exit) */
	INNER_HUNG_UP /* our terminal is gone, or we are told to end */
};

/* Starts it and waits for its prompt: what the person's start files say is shown, and may ask. */
must_check int inner_shell_open(bool login, struct inner_shell **ret, struct error *err);
void inner_shell_close(struct inner_shell *shell); /* NULL-tolerant */

/*
 * Runs a line, of any length and with any newlines; the output of the one before is forgotten. The
 * cursor is at the start of a line before and after. *ret_status: of the command, or of the shell.
 */
must_check int inner_shell_run(struct inner_shell *shell, const char *text, enum inner_end *ret,
			       int *ret_status, struct error *err);

/* Readable when a job in the background says something; inner_shell_pump() then writes it out. */
int inner_shell_fd(const struct inner_shell *shell);
must_check int inner_shell_pump(struct inner_shell *shell);

const char *inner_shell_directory(const struct inner_shell *shell); /* borrowed */
int inner_shell_status(const struct inner_shell *shell);
const struct output_tail *inner_shell_output(const struct inner_shell *shell);
/* What was typed and not read by the command that is over; the caller's now. */
must_check int inner_shell_take_ahead(struct inner_shell *shell, struct buf *out);
