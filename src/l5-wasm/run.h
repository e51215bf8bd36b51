/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * run - one shell command with both outputs captured, and the end of everything it started (L5).
 *
 * The command leads its own session; standard input is empty. When it has ended, or at the
 * deadline, every process it left is killed before run_command() returns; a process that only holds
 * the output open is not waited for.
 *
 * Errors     -errno when it could not be started; how it ended is in the result.
 * Threads    None; blocks. Needs to be pid 1 of its pid namespace or able to be a subreaper.
 * Tests      tests/process/test-toolwork-shell.py
 */
#pragma once

#include "l5-wasm/capture.h"

#include <sys/types.h>

enum run_end { RUN_EXITED, RUN_SIGNALLED, RUN_TIMED_OUT };

struct run_result {
	enum run_end end;
	int status; /* exit status or signal */
	struct capture out, err;
};

/* directory_fd is where it starts. *ret is the caller's to run_result_fini(), also after failure.
 */
must_check int run_command(const char *command, int directory_fd, uint64_t deadline_us,
			   struct run_result *ret);
void run_result_init(struct run_result *result);
void run_result_fini(struct run_result *result);
