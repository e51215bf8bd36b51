/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * up-internal - what the supervisor's own files share (L7): the daemon table, one daemon's life,
 * the loop. Nobody else includes it, but tests of the supervisor.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "l7-shell/up-agent.h"
#include "l7-shell/up-config.h"
#include "l7-shell/up.h"

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

enum { UP_LIST_MAX = 8, UP_DAEMONS_MAX = 8, UP_REASON_BYTES = 400 };

/* A row of spec/tables/daemons. */
struct up_row {
	const char *name;
	uid_t uid;
	const char *socket;
	bool net_empty, on_demand;
	const char *confine;
	const char *keeps;
	const char *reaches[UP_LIST_MAX];
	const char *config[UP_LIST_MAX];
};
extern const struct up_row up_rows[];
extern const size_t up_rows_count;

enum up_state { UP_STOPPED, UP_STARTING, UP_RUNNING, UP_BACKING_OFF, UP_FAILED };

struct up;

struct up_daemon {
	const struct up_row *row;
	struct up *up;
	enum up_state state;
	pid_t pid;
	int listen_fd;
	unsigned restarts; /* in all */
	unsigned quick;    /* ends in a row soon after the start */
	unsigned unready;  /* ends in a row before READY=1 */
	uint64_t since_us;
	uint64_t watchdog_us; /* 0: not armed */
	sd_event_source *child, *demand, *timer, *watchdog;
	char reason[UP_REASON_BYTES];
};

struct up {
	struct up_paths paths;
	struct up_config config;
	struct up_agent agent; /* whose state it is */
	char identity[64];     /* of file, configuration and programs: what a client compares */
	uint64_t started_us;
	int state_fd, run_fd, log_fd, lock_fd, notify_fd;
	int base_fd, bin_fd; /* locked: neither is removed or remade while this system runs */
	sd_event *event;
	sd_varlink_server *server;
	sd_varlink *stop_caller; /* waits for the ordered stop */
	struct up_daemon daemons[UP_DAEMONS_MAX];
	unsigned n_daemons;
	bool stopping;
	unsigned stop_next; /* daemons with an index >= this have been told to stop */
};

/* up-paths.c: writes $STATE/system. */
must_check int up_paths_keep(const struct up_paths *paths, int state_fd, struct error *err);

/*
 * up-paths.c: opens a folder and locks it (shared) for as long as the descriptor is open; the
 * driver removes only what it can lock alone. -EBUSY: it is being removed.
 */
must_check int up_paths_hold(const char *path, struct error *err);

/* up-identity.c: what client and supervisor compare, "FILE:CONFIG:PROGRAMS" in hex. */
must_check int up_identity(const struct up_paths *paths, int state_fd, struct up_config *ret_config,
			   char ret[static 64], struct error *err);

/* up-socket.c: binds a listening socket NAME in run_fd (the working directory of the process is
 * changed). */
must_check int up_socket_bind(int run_fd, const char *name, int type, struct error *err);
must_check int up_socket_connect(int run_fd, const char *name, int type, struct error *err);

/* up-enter.c: starts one daemon inside the base. Returns its pid and pidfd. */
must_check int up_enter(struct up *up, struct up_daemon *daemon, pid_t *ret_pid, int *ret_pidfd,
			struct error *err);

/* up-daemon.c */
must_check int up_daemon_open(struct up *up, struct up_daemon *daemon, struct error *err);
void up_daemon_close(struct up_daemon *daemon);
void up_daemon_start(struct up_daemon *daemon);
void up_daemon_notify(struct up_daemon *daemon, const char *message);
void up_daemon_stop(struct up_daemon *daemon);
const char *up_state_name(enum up_state state);

/* up-run.c: the next step of an ordered stop; called whenever a daemon has ended. */
void up_stop_step(struct up *up);
