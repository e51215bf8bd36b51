/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Jobs: the threads that work for others, and one of them with its log and result. */
#include "l6-agent/agentd-service.h"
#include "l6-agent/job-log.h"

#include <string.h>

enum { LOG_MAX = 1024 * 1024, EVENTS_SHOWN = 50 };

static int build(const struct agent *agent, const struct thread *thread, sd_json_variant **ret)
{
	const struct thread *parent = threads_by_id(agent->threads, thread->job->parent);
	const struct job *job = thread->job;

	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_STRING("id", thread->name),
		SD_JSON_BUILD_PAIR_STRING("kind", job_kind_name(job->kind)),
		SD_JSON_BUILD_PAIR_STRING("title", job->title),
		SD_JSON_BUILD_PAIR_STRING("state", job_state_name(jobs_state(agent, thread))),
		SD_JSON_BUILD_PAIR_BOOLEAN("asks",
					   thread->first && turn_has_question(thread->first)),
		SD_JSON_BUILD_PAIR_STRING("parent", parent ? parent->name : ""),
		SD_JSON_BUILD_PAIR_UNSIGNED("turn", thread->last_turn),
		SD_JSON_BUILD_PAIR_UNSIGNED("modelCalls", job->calls),
		SD_JSON_BUILD_PAIR_UNSIGNED("modelCallsMax", job->calls_max),
		SD_JSON_BUILD_PAIR_UNSIGNED("deadlineUsec", job->deadline_us),
		SD_JSON_BUILD_PAIR_UNSIGNED("updatedUsec", thread->updated_us));
}

static int add_texts(struct agent *agent, const struct thread *thread, sd_json_variant **row)
{
	struct buf log = BUF(LOG_MAX), result = BUF(PAYLOAD_TEXT_MAX);
	struct error err = { 0 };
	int r = job_log_events(agent, thread, EVENTS_SHOWN, &log, &err);

	if (r >= 0 && !jobs_is_active(thread))
		r = job_log_result(agent, thread, &result, &err);
	if (r >= 0)
		r = sd_json_variant_set_field_string(row, "log", buf_string(&log));
	if (r >= 0)
		r = sd_json_variant_set_field_string(row, "result", buf_string(&result));
	buf_free(&log);
	buf_free(&result);
	return r;
}

int agentd_jobs(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata)
{
	static const sd_json_dispatch_field table[] = { { "job", SD_JSON_VARIANT_STRING,
							  sd_json_dispatch_const_string, 0,
							  SD_JSON_NULLABLE },
							{ 0 } };
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *array = NULL;
	struct agent *agent = userdata;
	const char *name = NULL;
	int r = sd_varlink_dispatch(link, parameters, table, (void *)&name);

	(void)flags;
	if (r != 0)
		return r;
	if (name && !jobs_find(agent, agentd_caller(agent), name))
		return agentd_unknown_thread(link, name);
	r = sd_json_variant_new_array(&array, NULL, 0);
	for (size_t i = 0; i < threads_count(agent->threads) && r >= 0; i++) {
		__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *row = NULL;
		const struct thread *thread = threads_at(agent->threads, i);

		if (!jobs_is_one(thread) || thread->owner != agentd_caller(agent) ||
		    (name && strcmp(thread->name, name) != 0))
			continue;
		r = build(agent, thread, &row);
		if (r >= 0 && name)
			r = add_texts(agent, thread, &row);
		if (r >= 0)
			r = sd_json_variant_append_array(&array, row);
	}
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("jobs", array));
}
