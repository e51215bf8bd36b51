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
int agentd_undo(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata);
int agentd_redo(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata);
int agentd_retry(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata);
int agentd_compact(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata);
int agentd_branch(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		  void *userdata);

/* A key of a client. */
enum { AGENTD_KEY_BYTES_MAX = 128 };
bool agentd_is_key(const char *key);

/*
 * agentd-submit.c: appends payload, which is taken, as an accepted record of the thread, makes its
 * turn and answers the call as Submit once it is durable.
 */
must_check int agentd_accept(struct agent *agent, sd_varlink *link, struct thread *thread,
			     struct payload *payload);
/* 1: the key is new; else the first one's answer has been given. */
must_check int agentd_answer_known_key(struct agent *agent, sd_varlink *link, const char *key);
/* 1: one more message may wait; else the call has been answered. thread may be NULL: a new one. */
must_check int agentd_check_room(const struct agent *agent, sd_varlink *link,
				 const struct thread *thread);
/* 1: one more thread fits; else the call has been answered. */
must_check int agentd_check_threads(const struct agent *agent, sd_varlink *link);
/* A turn's accepted record. */
must_check int agentd_find_accepted(const struct agent *agent, uint64_t turn,
				    struct journal_record *ret, struct buf *payload);

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
/* The same for a thread that goes on from a turn; the call is answered as NewThread. */
must_check int agentd_branch_thread(struct agent *agent, sd_varlink *link, const char *name,
				    uint64_t turn);

/* sd_json_dispatch_uint64 and _int64 that leave the default when the field is null. */
int agentd_dispatch_number(const char *name, sd_json_variant *value, sd_json_dispatch_flags_t flags,
			   void *userdata);

/* Answer the call with the error of that name. */
must_check int agentd_unknown_thread(sd_varlink *link, const char *name);
/* The sentence becomes the error's reason. */
must_check int agentd_not_now(sd_varlink *link, const char *fmt, ...) printf_like(2, 3);
must_check int agentd_invalid(sd_varlink *link, const char *fmt, ...) printf_like(2, 3);
