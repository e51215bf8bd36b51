/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * service - what every daemon shares: one sd-event loop, SIGTERM/SIGINT as events, inherited
 * sockets by name (LISTEN_FDS, LISTEN_FDNAMES), readiness, and a watchdog that is armed only while
 * work is outstanding.
 *
 * The supervisor binds the sockets and hands them over, so a daemon that dies loses no waiting
 * caller. Threads  None.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-event.h>
#include <systemd/sd-varlink-idl.h>
#include <systemd/sd-varlink.h>

struct service;

/* Makes the loop and takes over the inherited descriptors. */
must_check int service_open(struct service **ret, struct error *err);
void service_close(struct service *service);
sd_event *service_event(struct service *service); /* borrowed */

/* The inherited descriptor of that name, now the caller's; -ENOENT when there is none. */
must_check int service_take_fd(struct service *service, const char *name);

/* What no honest call to a daemon comes near: text of any length goes by descriptor. */
enum { SERVICE_MESSAGE_BYTES_MAX = 512 * 1024 };

struct service_peers {
	const uid_t *uids; /* who may connect; others are refused at accept */
	size_t n_uids;
	unsigned connections_max, connections_per_uid_max;
	size_t message_bytes_max; /* of one message; 0: sd-varlink's own 16 MiB */
};

/*
 * A Varlink server on the inherited listening socket `name`, serving `interface`, with descriptor
 * passing, userdata inherited by each connection. The server is the caller's to unref; methods are
 * bound by the caller.
 */
must_check int service_serve(struct service *service, const char *name,
			     const sd_varlink_interface *interface,
			     const struct service_peers *peers, void *userdata,
			     sd_varlink_server **ret, struct error *err);

/* True when the peer of this connection has one of these uids. */
#define SERVICE_UIDS_MAX 8
bool service_peer_is(sd_varlink *link, const uid_t *uids, size_t n_uids);

/*
 * hold/release count outstanding work. The first hold arms the supervisor's watchdog and a timer
 * that feeds it; some seconds after the last release both are disarmed, and an idle daemon does not
 * wake any more.
 */
void service_hold(struct service *service);
void service_release(struct service *service);

/* Gives back what only the start needed, says READY=1, runs the loop until SIGTERM/SIGINT or
 * sd_event_exit(), and returns its exit code.
 */
must_check int service_run(struct service *service, struct error *err);
