/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * agentd-service - io.clawos.Agent, served to the owner (L6).
 *
 * Source     spec/varlink/io.clawos.Agent.varlink
 */
#pragma once

#include "l6-agent/agent.h"

/* Serves the inherited socket "agent". server is the caller's to unref. */
must_check int agentd_serve(struct agent *agent, sd_varlink_server **ret, struct error *err);

/* The methods, by file. Each has the form sd_varlink_method_t. */
int agentd_submit(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		  void *userdata);
int agentd_history(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata);
int agentd_jobs(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata);
int agentd_trace(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata);
int agentd_steer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata);

/* The uid whose threads this caller sees: the owner's, also for root. */
static inline uint32_t agentd_caller(const struct agent *agent)
{
	return (uint32_t)agent->owner;
}

/* The thread of that name (NULL: "main"); NULL when there is none. */
struct thread *agentd_thread(const struct agent *agent, const char *name);
#define AGENTD_THREAD_DEFAULT "main"

/* "" when the name can be a thread's, else why not. */
const char *agentd_name_problem(const char *name);

/* Appends thread-new; the thread is in the table afterwards. */
must_check int agentd_make_thread(struct agent *agent, const char *name,
				  journal_durable_fn on_durable, void *data, struct thread **ret,
				  struct error *err);

/* sd_json_dispatch_uint64 and _int64 that leave the default when the field is null. */
int agentd_dispatch_number(const char *name, sd_json_variant *value, sd_json_dispatch_flags_t flags,
			   void *userdata);

/* Answer the call with the error of that name. */
must_check int agentd_unknown_thread(sd_varlink *link, const char *name);
/* The sentence becomes the error's reason. */
must_check int agentd_not_now(sd_varlink *link, const char *fmt, ...) printf_like(2, 3);
must_check int agentd_invalid(sd_varlink *link, const char *fmt, ...) printf_like(2, 3);
