/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * launch-socket - the client's end of claw-sandboxd's socket: connect, send and receive one record
 * (L2).
 *
 * Errors     The errno of the socket; -ECONNRESET at its end, -EPROTO for a malformed answer.
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/launch-record.h"

/* path below dir_fd (AT_FDCWD: as given). flags: SOCK_NONBLOCK or 0. Returns the descriptor. */
must_check int launch_socket_connect(int dir_fd, const char *path, int flags, struct error *err);

/* Stamps the version; fd goes along unless it is -1 (borrowed). */
must_check int launch_socket_send(int socket_fd, int flags, struct launch_request *rq, int fd,
				  struct error *err);
must_check int launch_socket_receive(int socket_fd, int flags, union launch_reply *ret,
				     struct error *err);
