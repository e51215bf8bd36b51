/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage-client - the non-blocking client of claw-sandboxd (L2).
 *
 * A cage runs claw-toolwork with the peer end of a stream socket as descriptor 3. The client's end
 * belongs to the caller (frames: spec/toolwork.md). What the caller sees of a cage is exactly one
 * of on_started, later on_exited     or     on_refused and then nothing more; no callback is called
 * from within a cage_* function. After cage_kill(), on_halted may come before on_exited: nothing of
 * the cage can run any more, and only its figures are waited for. When the connection is lost, all
 * cages die and each reports on_exited with why KILLED (or on_refused before it started).
 *
 * Ownership  Handles are owned by the client object until on_exited/on_refused has returned.
 * Threads    None: loop thread only.
 * Tests      tests/unit/l2-kernel/test-cage-client.c
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/launch-record.h"

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct cage_client;
struct cage_handle;

struct cage_result {
	enum launch_why why;
	int status, term_signal; /* exit status when term_signal is 0 */
	uint64_t cpu_us, maxrss_kib, wall_us;
};

struct cage_callbacks {
	void (*on_started)(struct cage_handle *cage, pid_t pid, void *data); /* may be NULL */
	void (*on_refused)(struct cage_handle *cage, enum launch_stage stage, int error,
			   const char *text, void *data);
	void (*on_halted)(struct cage_handle *cage, void *data); /* may be NULL */
	void (*on_exited)(struct cage_handle *cage, const struct cage_result *result, void *data);
};

struct cage_launch_options {
	enum launch_profile profile;
	uint32_t workspace; /* 0: the state's own */
	uint64_t turn;
	uint32_t time_ms, memory_mib;
	const struct cage_callbacks *callbacks; /* static storage */
	void *data;
};

/*
 * Prepares a client; connects at the first launch and again after a loss (claw-sandboxd is socket
 * activated, so this never waits). path is looked up below dir_fd (borrowed for the client's life;
 * AT_FDCWD: as given).
 */
must_check int cage_client_open(sd_event *event, int dir_fd, const char *path,
				struct cage_client **ret, struct error *err);

/* Closes the connection: every cage of it dies. No callback is called any more. */
void cage_client_close(struct cage_client *client);

/*
 * Asks for a cage. *ret_stream_fd is the caller's end of the stream, non-blocking, close-on-exec:
 * write requests at once, they are read when the program runs. 0, or -errno when not even the
 * request could be sent; then no callback follows.
 */
must_check int cage_launch(struct cage_client *client, const struct cage_launch_options *options,
			   struct cage_handle **ret, int *ret_stream_fd, struct error *err);

/* Kills it; on_exited (why KILLED) follows. Nothing happens when it has ended already. */
void cage_kill(struct cage_handle *cage);

/* The caller is no longer interested: killed, and no callback is called for it. */
void cage_forget(struct cage_handle *cage);
