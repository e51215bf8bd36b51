/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * varlink-peer - a client that says anything to a daemon's methods, in the same process.
 *
 * The inherited socket stands at the daemon's descriptor 3 before main, so that service_open()
 * finds it; each input is one connection's next messages, and a call that is always answered behind
 * them tells when they are over.
 */
#pragma once

#include "base/service.h"

#include <stddef.h>

/* The service with the inherited socket of that name; after service_close() it can be had again. */
struct service *varlink_peer_service(const char *name);

/*
 * Says bytes, with a file and the write end of a pipe beside them when with_fds, and runs the loop
 * until they are answered or nothing happens any more. Aborts when an answer is no JSON object or
 * the loop has ended.
 */
void varlink_peer_say(struct service *service, const char *bytes, size_t length, bool with_fds);

/* Closes the connection and lets the daemon see it. */
void varlink_peer_leave(struct service *service);

/* A new folder; removed with what is in it at the end of the program and by the next call. */
int varlink_peer_folder(void);
