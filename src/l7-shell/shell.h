/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * shell - what one run of claw holds: options, the state, the running system (L7).
 *
 * Ownership  shell_open() fills it, shell_close() releases it; options are borrowed.
 */
#pragma once

#include "l7-shell/options.h"
#include "l7-shell/screen.h"
#include "l7-shell/up.h"

struct shell {
	const struct options *options;
	struct up_paths paths;
	int state_fd;             /* the state directory */
	int run_fd;               /* its run/; -1 until shell_connect() */
	struct screen out, notes; /* stdout, stderr */
	char *thread;             /* the one that is meant */
	struct repl *repl;        /* the interactive loop; NULL outside it */
};

/* Exit statuses of claw. */
enum shell_exit {
	SHELL_ANSWERED = 0,
	SHELL_FAILED = 1,
	SHELL_REFUSED = 2,
	SHELL_STOPPED = 3, /* of claw status: the system does not run */
	SHELL_USAGE = 64,
	SHELL_INTERRUPTED = 130,
};

/* Finds the state and opens it. */
must_check int shell_open(const struct options *options, struct shell *ret, struct error *err);
void shell_close(struct shell *shell);

/* Makes sure the system runs and opens run/. Further calls do nothing. */
must_check int shell_connect(struct shell *shell, struct error *err);
/* Opens run/ of a system that may or may not run; starts nothing. */
must_check int shell_attach(struct shell *shell, struct error *err);

/* The system has died (its sockets refuse): starts it again and opens its run/. */
must_check int shell_reconnect(struct shell *shell, struct error *err);

/*
 * A failure to reach a daemon says little: when one of them does not start, err becomes its name
 * and its last words.
 */
void shell_explain(const struct shell *shell, struct error *err);

/* The name is copied. */
must_check int shell_set_thread(struct shell *shell, const char *name, struct error *err);
