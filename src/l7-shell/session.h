/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * session - the events of one thread, each record exactly once, whatever happens to the daemon
 * (L7).
 *
 * A subscription that breaks is made again with the last sequence number seen; a record that was
 * already delivered is dropped. The sockets belong to the supervisor, so a connection made while
 * claw-agentd starts again simply waits. Only when nobody listens any more is the session lost.
 *
 * Ownership  The session owns its connection; events are borrowed for the call.
 * Errors     See session_open(); later failures go to on_lost().
 * Threads    None: loop thread only.
 * Tests      tests/process/test-claw.py.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include <systemd/sd-json.h>

struct session;
struct shell;

struct session_acts {
	/* A record (seq > 0), in order, once; or a live event (seq 0). */
	void (*on_event)(sd_json_variant *event, void *data);
	/* Everything up to now has been delivered; also after each reconnection. May be NULL. */
	void (*on_caught_up)(void *data);
	/* The subscription broke and is being made again: live text has a gap. May be NULL. */
	void (*on_break)(void *data);
	/* The session is over: the system was stopped or cannot be started, or the thread is
	 * refused. */
	void (*on_lost)(const struct error *reason, void *data);
	void *data;
};

struct session_options {
	struct shell *shell; /* its system, connected, and its thread; borrowed */
	uint64_t after_seq;
};

must_check int session_open(sd_event *event, const struct session_options *options,
			    const struct session_acts *acts, struct session **ret,
			    struct error *err);
void session_close(struct session *session); /* NULL-tolerant */
