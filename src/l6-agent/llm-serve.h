/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-serve - io.clawos.Llm over one model: the queue of calls, loading, idleness (L6).
 *
 * Calls are done one after the other, one step per turn of the event loop, so that a new event is
 * seen after at most one batch; inside a batch the connection of the call is looked at, and a
 * hang-up ends the call within milliseconds. A Complete goes before a Prepare, whose work so far is
 * not lost; a long Prepare is kept on disk every few seconds, so that a killed one goes on. The
 * weights are loaded by the first call. After idle_seconds without a call they are unloaded, and
 * the program ends, whoever is connected: the supervisor starts it again on demand.
 *
 * Ownership  The caller owns the server object and what the options name.
 */
#pragma once

#include "base/error.h"
#include "base/service.h"

#include <stdint.h>

struct llm_limits;
struct llm_server;

struct llm_server_options {
	struct service *service;
	const struct service_peers *peers;
	const struct llm_limits *limits;
	const char *model_path;
	int state_fd, shared_fd; /* shared_fd: -1 without one */
};

must_check int llm_server_new(const struct llm_server_options *options, struct llm_server **ret,
			      struct error *err);
void llm_server_free(struct llm_server *server);
