/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * inner-relay - the terminal lent to a command of the person, and taken back (L7).
 *
 * Keys go to the pty, its output to the terminal, both as they are, until the shell's mark comes;
 * the size follows. Then what the command left switched on is switched back.
 *
 * Ownership  Everything is borrowed.
 * Errors     -ETIMEDOUT when neither output nor keys come for quiet_us and there is no mark.
 * Tests      tests/process/test-claw-shell.py.
 */
#pragma once

#include "l7-shell/inner-mark.h"
#include "l7-shell/inner-shell.h"
#include "l7-shell/output-tail.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct inner_relay_task {
	int master_fd, line_fd, pid_fd;
	const char *line; /* what the shell is given to read */
	size_t length;
	struct inner_mark *mark;
	struct output_tail *output;
	uint64_t quiet_us; /* 0: however long it takes */
};

/* Until the mark comes (INNER_DONE), the shell ends, or our terminal or somebody's signal ends us.
 */
must_check int inner_relay(const struct inner_relay_task *task, enum inner_end *ret,
			   struct error *err);

/* Gives the pty the size of our terminal. */
void inner_relay_size(int master_fd);

/* Writes out what a job in the background says. */
must_check int inner_relay_pump(int master_fd, struct inner_mark *mark);

/* Waits for a shell that was hung up; one that does not end is killed. */
void inner_relay_bury(pid_t pid, int pid_fd);
