/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * message-gate - one connection, of which no message is longer than a maximum.
 *
 * sd-varlink takes 16 MiB a message, which can hold five million JSON values: seconds of work and
 * half a gigabyte for whoever may connect. So the server speaks to one end of a socket pair, and
 * bytes and descriptors are passed on as they come, both ways, until a message is too long.
 *
 * Ownership  The gate takes over the client's descriptor when it is added; it is freed when either
 *            side has closed, and the loop outlives it.
 * Units      Bytes of one message, without the NUL that ends it.
 * Errors     -errno of what could not be made; the descriptor is then still the caller's.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <systemd/sd-event.h>

struct message_gate;

/* The gates of one server; zero is none. */
struct message_gates {
	struct message_gate *first;
};

/* *ret_fd is what the server speaks to, and the caller's. */
must_check int message_gate_add(struct message_gates *gates, sd_event *event, int fd,
				size_t bytes_max, int *ret_fd);
