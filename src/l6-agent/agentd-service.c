/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/agentd-service.h"

#include "base/utf8.h"
#include "io.clawos.Agent.varlink.h"
#include "l6-agent/agentd-prepare.h"
#include "l6-agent/gate.h"
#include "l6-agent/job.h"
#include "l6-agent/subscribers.h"
#include "l6-agent/tool.h"
#include "l6-agent/turn.h"

#include <assert.h>
#include <string.h>

enum { CONNECTIONS_MAX = 256, NAME_BYTES_MAX = 64, REASON_BYTES = 512 };

int agentd_unknown_thread(sd_varlink *link, const char *name)
{
	return sd_varlink_errorbo(link, "io.clawos.Agent.UnknownThread",
				  SD_JSON_BUILD_PAIR_STRING("thread", name));
}

int agentd_invalid(sd_varlink *link, const char *fmt, ...)
{
	char reason[REASON_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap); /* a long reason may be cut */
	va_end(ap);
	return sd_varlink_errorbo(link, "io.clawos.Agent.InvalidArguments",
				  SD_JSON_BUILD_PAIR_STRING("reason", reason));
}

int agentd_not_now(sd_varlink *link, const char *fmt, ...)
{
	char reason[REASON_BYTES];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(reason, sizeof(reason), fmt, ap); /* a long reason may be cut */
	va_end(ap);
	return sd_varlink_errorbo(link, "io.clawos.Agent.NotNow",
				  SD_JSON_BUILD_PAIR_STRING("reason", reason));
}

int agentd_dispatch_number(const char *name, sd_json_variant *value, sd_json_dispatch_flags_t flags,
			   void *userdata)
{
	return sd_json_variant_is_null(value)
		       ? 0
		       : sd_json_dispatch_int64(name, value, flags, userdata);
}

struct thread *agentd_thread(const struct agent *agent, const char *name)
{
	return threads_by_name(agent->threads, agentd_caller(agent),
			       name ? name : AGENTD_THREAD_DEFAULT);
}

const char *agentd_name_problem(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length > NAME_BYTES_MAX)
		return "a thread's name has 1 to 64 bytes";
	if (!utf8_is_valid(name, length))
		return "a thread's name is UTF-8";
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f ||
		    (name[i] == '\xc2' && (unsigned char)name[i + 1] < 0xa0)) /* U+0080 to U+009F */
			return "a thread's name holds no control characters";
	return "";
}

bool agentd_is_key(const char *key)
{
	size_t length = strlen(key);

	return length > 0 && length <= AGENTD_KEY_BYTES_MAX;
}

static int make_thread(struct agent *agent, const char *name, uint64_t branch,
		       journal_durable_fn on_durable, void *data, struct thread **ret,
		       struct error *err)
{
	uint64_t id = threads_count(agent->threads) + 1;
	struct payload payload;
	struct agent_append append = {
		.thread_id = id,
		.owner = agentd_caller(agent),
		.kind = JOURNAL_THREAD_NEW,
		.origin = JOURNAL_PERSON,
		.payload = &payload,
		.on_durable = on_durable,
		.data = data,
	};
	int r;

	payload_begin(&payload, journal_blobs(agent->journal));
	payload_string(&payload, "name", name);
	if (branch > 0)
		payload_number(&payload, "branch", branch);
	r = agent_append(agent, &append, NULL, NULL, err);
	if (r >= 0)
		*ret = threads_by_id(agent->threads, id);
	return r;
}

int agentd_check_threads(const struct agent *agent, sd_varlink *link)
{
	uint64_t most = agent->config->threads_max;

	if (threads_count(agent->threads) < most)
		return 1;
	return sd_varlink_errorbo(link, "io.clawos.Agent.QuotaExceeded",
				  SD_JSON_BUILD_PAIR_STRING("limit", "agent.threads_max"),
				  SD_JSON_BUILD_PAIR_UNSIGNED("value", most));
}

int agentd_make_thread(struct agent *agent, const char *name, journal_durable_fn on_durable,
		       void *data, struct thread **ret, struct error *err)
{
	return make_thread(agent, name, 0, on_durable, data, ret, err);
}

static int on_subscribe(sd_varlink *link, sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	struct {
		const char *thread;
		uint64_t after;
		int follow, live;
	} in = { 0 };
	static const sd_json_dispatch_field table[] = {
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, 0,
		  SD_JSON_NULLABLE },
		{ "afterSeq", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64, 8,
		  SD_JSON_MANDATORY },
		{ "follow", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, 16,
		  SD_JSON_MANDATORY },
		{ "live", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, 20,
		  SD_JSON_MANDATORY },
		{ 0 }
	};
	struct agent *agent = userdata;
	struct subscribe_options options = { .owner = agentd_caller(agent) };
	int r = sd_varlink_dispatch(link, parameters, table, &in);

	static_assert(offsetof(__typeof__(in), after) == 8, "table");
	static_assert(offsetof(__typeof__(in), live) == 20, "table");
	if (r != 0)
		return r;
	if (!(flags & SD_VARLINK_METHOD_MORE))
		return sd_varlink_error(link, SD_VARLINK_ERROR_EXPECTED_MORE, NULL);
	options.after_sequence = in.after;
	options.follow = in.follow;
	options.live = in.live;
	options.thread = in.thread ? agentd_thread(agent, in.thread) : NULL;
	if (in.thread && !options.thread)
		return agentd_unknown_thread(link, in.thread);
	return subscribers_add(agent->subscribers, link, &options);
}

static int dispatch_thread(sd_varlink *link, sd_json_variant *parameters, const char **ret)
{
	static const sd_json_dispatch_field table[] = { { "thread", SD_JSON_VARIANT_STRING,
							  sd_json_dispatch_const_string, 0,
							  SD_JSON_NULLABLE },
							{ 0 } };

	return sd_varlink_dispatch(link, parameters, table, (void *)ret);
}

static int on_interrupt(sd_varlink *link, sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	struct agent *agent = userdata;
	const char *name = NULL;
	struct thread *thread;
	int r = dispatch_thread(link, parameters, &name);

	(void)flags;
	if (r != 0)
		return r;
	thread = agentd_thread(agent, name);
	if (!thread && name)
		return agentd_unknown_thread(link, name);
	if (!thread)
		return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_NULL("turn"));
	return turn_interrupt(thread, link);
}

static int on_answer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	struct {
		uint64_t question;
		int allow;
	} in = { 0 };
	static const sd_json_dispatch_field table[] = {
		{ "question", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64, 0,
		  SD_JSON_MANDATORY },
		{ "allow", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_intbool, 8,
		  SD_JSON_MANDATORY },
		{ 0 }
	};
	int r = sd_varlink_dispatch(link, parameters, table, &in);

	(void)flags;
	if (r != 0)
		return r;
	if (turn_decide(userdata, in.question, in.allow, "person") < 0)
		return sd_varlink_errorbo(link, "io.clawos.Agent.UnknownQuestion",
					  SD_JSON_BUILD_PAIR_UNSIGNED("question", in.question));
	return sd_varlink_reply(link, NULL);
}

static const char *state_of(const struct agent *agent, const struct thread *thread)
{
	const struct turn_entry *last = turns_at(agent->threads, thread->last_turn);

	if (thread->first)
		return turn_has_question(thread->first) ? "waiting" : "running";
	return last && last->state == TURN_INTERRUPTED ? "interrupted" : "idle";
}

static int build_thread(const struct agent *agent, const struct thread *thread,
			sd_json_variant **ret)
{
	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_UNSIGNED("id", thread->id),
		SD_JSON_BUILD_PAIR_STRING("name", thread->name),
		SD_JSON_BUILD_PAIR_STRING("title", thread->title ? thread->title : ""),
		SD_JSON_BUILD_PAIR_UNSIGNED("turns", thread->n_turns),
		SD_JSON_BUILD_PAIR_STRING("kind", thread->job ? job_kind_name(thread->job->kind)
							      : "thread"),
		SD_JSON_BUILD_PAIR_STRING("state", state_of(agent, thread)),
		SD_JSON_BUILD_PAIR_UNSIGNED("lastSeq", thread->last_sequence),
		SD_JSON_BUILD_PAIR_UNSIGNED("updatedUsec", thread->updated_us));
}

static int on_threads(sd_varlink *link, sd_json_variant *parameters,
		      sd_varlink_method_flags_t flags, void *userdata)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *array = NULL;
	struct agent *agent = userdata;
	int r = sd_json_variant_new_array(&array, NULL, 0);

	(void)parameters;
	(void)flags;
	for (size_t i = 0; i < threads_count(agent->threads) && r >= 0; i++) {
		__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *row = NULL;
		const struct thread *thread = threads_at(agent->threads, i);

		if (thread->owner != agentd_caller(agent))
			continue;
		r = build_thread(agent, thread, &row);
		if (r >= 0)
			r = sd_json_variant_append_array(&array, row);
	}
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("threads", array));
}

struct thread_call {
	struct agent *agent;
	sd_varlink *link;
};

static void on_thread_durable(const struct journal_record *record, void *data)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *row = NULL;
	struct thread_call *call = data;

	if (build_thread(call->agent, threads_by_id(call->agent->threads, record->thread), &row) >=
	    0)
		(void)sd_varlink_replybo(call->link, SD_JSON_BUILD_PAIR_VARIANT("thread", row));
	else
		(void)sd_varlink_error_errno(call->link, -ENOMEM);
	sd_varlink_unref(call->link);
	free(call);
}

int agentd_branch_thread(struct agent *agent, sd_varlink *link, const char *name, uint64_t branch)
{
	struct thread_call *call;
	struct error err = { 0 };
	struct thread *thread;
	int r = agentd_check_threads(agent, link);

	if (r <= 0)
		return r;
	if (*agentd_name_problem(name))
		return agentd_invalid(link, "%s", agentd_name_problem(name));
	if (agentd_thread(agent, name))
		return agentd_invalid(link, "there is a thread %s already", name);
	call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->agent = agent;
	call->link = sd_varlink_ref(link);
	r = make_thread(agent, name, branch, on_thread_durable, call, &thread, &err);
	if (r < 0)
		agent_give_up(agent, &err);
	return r;
}

static int on_new_thread(sd_varlink *link, sd_json_variant *parameters,
			 sd_varlink_method_flags_t flags, void *userdata)
{
	static const sd_json_dispatch_field table[] = { { "name", SD_JSON_VARIANT_STRING,
							  sd_json_dispatch_const_string, 0,
							  SD_JSON_NULLABLE },
							{ 0 } };
	struct agent *agent = userdata;
	const char *name = NULL;
	char made[NAME_BYTES_MAX];
	int r = sd_varlink_dispatch(link, parameters, table, (void *)&name);

	(void)flags;
	if (r != 0)
		return r;
	for (size_t n = threads_count(agent->threads) + 1; !name; n++) {
		(void)snprintf(made, sizeof(made), "thread-%zu", n);
		name = agentd_thread(agent, made) ? NULL : made;
	}
	return agentd_branch_thread(agent, link, name, 0);
}

static int on_tools(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata)
{
	const struct agent *agent = userdata;
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *array = NULL;
	int r = 0;

	(void)parameters;
	(void)flags;
	for (size_t i = 0; i < agent->n_tools && r >= 0; i++) {
		const struct tool *tool = agent->tools[i];

		r = sd_json_variant_append_arraybo(
			&array, SD_JSON_BUILD_PAIR_STRING("name", tool->name),
			SD_JSON_BUILD_PAIR_STRING("description", tool->description),
			SD_JSON_BUILD_PAIR_STRING("effect", tool_effect_name(tool->effect)),
			SD_JSON_BUILD_PAIR_STRING("policy",
						  tool_verdict_name(tool_effect_verdict(
							  tool->effect, 1U << ORIGIN_PERSON))));
	}
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("tools", array));
}

static int build_journal_figures(const struct agent *agent, sd_json_variant **ret)
{
	struct journal_figures figures;

	journal_get_figures(agent->journal, &figures);
	return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("records", figures.records),
			      SD_JSON_BUILD_PAIR_UNSIGNED("segments", figures.segments),
			      SD_JSON_BUILD_PAIR_UNSIGNED("bytes", figures.bytes),
			      SD_JSON_BUILD_PAIR_UNSIGNED("commits", figures.commits),
			      SD_JSON_BUILD_PAIR_UNSIGNED("fsyncs", figures.fsyncs),
			      SD_JSON_BUILD_PAIR_UNSIGNED("blobs", figures.blobs),
			      SD_JSON_BUILD_PAIR_UNSIGNED("cutBytes", figures.cut_bytes),
			      SD_JSON_BUILD_PAIR_UNSIGNED("snapshotSeq", figures.snapshot),
			      SD_JSON_BUILD_PAIR_UNSIGNED("snapshots", figures.snapshots),
			      SD_JSON_BUILD_PAIR_UNSIGNED("unchecked", figures.unchecked));
}

static int on_status(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *journal = NULL,
									 *status = NULL;
	const struct agent *agent = userdata;
	const struct provider_config *provider = &agent->config->provider;
	const char *model = agent_model(agent);
	int r = build_journal_figures(agent, &journal);

	(void)parameters;
	(void)flags;
	if (r >= 0)
		r = sd_json_buildo(
			&status, SD_JSON_BUILD_PAIR_STRING("agent", agent->config->name),
			SD_JSON_BUILD_PAIR_STRING("provider", provider_row(provider)->name),
			SD_JSON_BUILD_PAIR_STRING("model", model ? model : ""),
			SD_JSON_BUILD_PAIR_UNSIGNED("threads", threads_count(agent->threads)),
			SD_JSON_BUILD_PAIR_UNSIGNED("turns", turns_count(agent->threads)),
			SD_JSON_BUILD_PAIR_UNSIGNED("running", agent->open_turns),
			SD_JSON_BUILD_PAIR_UNSIGNED("exchanges", gate_inside(agent->exchange_gate)),
			SD_JSON_BUILD_PAIR_UNSIGNED("lastSeq",
						    journal_durable_sequence(agent->journal)),
			SD_JSON_BUILD_PAIR_VARIANT("journal", journal));
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("status", status));
}

static void on_disconnect(sd_varlink_server *server, sd_varlink *link, void *userdata)
{
	struct agent *agent = sd_varlink_get_userdata(link);

	(void)server;
	(void)userdata;
	if (!agent)
		return;
	subscribers_drop(agent->subscribers, link);
	agentd_prepare_drop(agent, link);
}

int agentd_serve(struct agent *agent, sd_varlink_server **ret, struct error *err)
{
	uid_t uids[] = { agent->owner, 0 };
	struct service_peers peers = {
		.uids = uids,
		.n_uids = 2,
		.connections_max = CONNECTIONS_MAX,
		.connections_per_uid_max = CONNECTIONS_MAX,
	};
	int r = service_serve(agent->service, "agent", &vl_interface_io_clawos_Agent, &peers, agent,
			      ret, err);

	if (r < 0)
		return r;
	r = sd_varlink_server_bind_method_many(
		*ret, "io.clawos.Agent.Submit", agentd_submit, "io.clawos.Agent.Subscribe",
		on_subscribe, "io.clawos.Agent.Interrupt", on_interrupt, "io.clawos.Agent.Answer",
		on_answer, "io.clawos.Agent.Threads", on_threads, "io.clawos.Agent.NewThread",
		on_new_thread, "io.clawos.Agent.History", agentd_history, "io.clawos.Agent.Trace",
		agentd_trace, "io.clawos.Agent.Prepare", agentd_prepare, "io.clawos.Agent.Tools",
		on_tools, "io.clawos.Agent.Jobs", agentd_jobs, "io.clawos.Agent.Status", on_status,
		"io.clawos.Agent.Steer", agentd_steer, "io.clawos.Agent.Undo", agentd_undo,
		"io.clawos.Agent.Redo", agentd_redo, "io.clawos.Agent.Retry", agentd_retry,
		"io.clawos.Agent.Branch", agentd_branch, "io.clawos.Agent.Compact", agentd_compact);
	if (r >= 0)
		r = sd_varlink_server_bind_disconnect(*ret, on_disconnect);
	return r < 0 ? FAIL(err, r, "methods of io.clawos.Agent: %s", strerror(-r)) : 0;
}
