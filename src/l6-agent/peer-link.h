/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * peer-link - a connection to another daemon's Varlink socket (L6).
 *
 * Ownership  The connection is the caller's; it is attached to the loop and passes descriptors.
 * Errors     -errno of connecting.
 */
#pragma once

#include "base/error.h"

#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

/* name is the socket below run_fd. It does not wait: -EAGAIN when the socket's queue is full. */
must_check int peer_link_open(sd_event *event, int run_fd, const char *name,
			      sd_varlink_reply_t on_reply, sd_varlink **ret);
