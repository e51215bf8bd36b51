/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * agentd-prepare - io.clawos.Agent.Prepare: tells callers how far the local model is with the front
 * of every prompt, and answers when it is done (L6).
 *
 * Ownership  A waiting connection is referenced until it is answered or dropped.
 * Source     spec/varlink/io.clawos.Agent.varlink
 */
#pragma once

#include "l6-agent/agent.h"

/* The method. */
int agentd_prepare(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata);
/* agent->readiness has changed. */
void agentd_prepare_tell(struct agent *agent);
/* The connection has ended; NULL: all of them. */
void agentd_prepare_drop(struct agent *agent, sd_varlink *link);
