/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * up - the supervisor, and how the shell reaches it (L7).
 *
 * `claw up` runs on the host, binds every socket, enters the base once per daemon (own root, own
 * uid, own namespaces), restarts what ends, starts on demand what is idle, and stops in order. A
 * daemon's death loses no caller: the listening sockets belong to the supervisor. The daemons die
 * with it.
 *
 * Ownership  Strings in struct up_paths belong to it (up_paths_free).
 * Errors     -errno with a sentence for the person.
 * Source     spec/tables/daemons; docs/architecture/processes.md. Tests: tests/process/test-up.py.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>

/* Where the system's parts are. */
struct up_paths {
	char *state; /* --state, CLAWOS_STATE, /var/lib/clawos for root, else XDG data home/clawos
		      */
	char *bin;   /* CLAWOS_BIN: claw and the daemons */
	char *base;  /* CLAWOS_BASE: the run base's root */
	char *share; /* CLAWOS_SHARE: spec/ */
	char *model; /* CLAWOS_MODEL_FILE: a GGUF file; NULL without a local model */
	char *prefixes; /* CLAWOS_PREFIXES: a folder of states computed at set-up; NULL: none */
};

/*
 * Fills the paths from state_option (may be NULL), the environment, and what the state remembers
 * from its last start ($STATE/system). Parts that nobody names stay NULL; the state directory is
 * made when absent.
 */
must_check int up_paths_find(const char *state_option, struct up_paths *ret, struct error *err);
void up_paths_free(struct up_paths *paths);

/*
 * Makes sure the system runs as the paths, $STATE/clawos.conf and the LLM_* names of the
 * environment say: starts it when it does not run, restarts it when the file, the programs or, if
 * this environment sets any of those names, the effective configuration changed. -EBUSY when turns
 * are under way in the one that would be restarted. Returns when clients can connect.
 */
must_check int up_ensure(const struct up_paths *paths, struct error *err);

/*
 * -EBUSY, with how many and what to do, while turns are under way: a restart would cut them off. An
 * agent that does not answer has none that could be waited for.
 */
must_check int up_check_idle(int run_fd, struct error *err);

enum up_difference {
	UP_SAME, /* or nothing runs, or its parts are not known here */
	UP_KEPT, /* another environment started it; this one says nothing, so it stays */
	UP_ANEW, /* the next up_ensure() restarts it */
};

/* How the running system differs from what up_ensure() would want; starts and stops nothing. */
must_check int up_compare(const struct up_paths *paths, enum up_difference *ret, struct error *err);

/* Ordered stop; 0 also when nothing ran (*ret_was_running false). */
must_check int up_stop(const struct up_paths *paths, bool *ret_was_running, struct error *err);

/*
 * `claw up`: becomes the supervisor. Returns an exit status. ready_fd (-1: none) is taken over; one
 * byte is written to it when clients can connect, or the reason of a failure as text.
 */
int up_main(const struct up_paths *paths, int ready_fd);
