/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The tools of jobs and sub-agents. What they make is known by the intent of their call, so a call
 * that was cut off is made again and happens once. What comes back is data with the job's labels.
 */
#include "base/utf8.h"
#include "l6-agent/call-run.h"
#include "l6-agent/job-log.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_DEFAULT = 50, TITLE_BYTES = 60, TASK_MAX = 8 * 1024 * 1024 };

struct job_run {
	struct call_run run;
	struct call_run_options options;
	struct call_outcome outcome;
	struct thread *job; /* that is waited for */
	bool is_child;      /* and ends with the call */
	struct job_wait wait;
	sd_event_source *done; /* no outcome is told from within the start */
};

static void abandon(struct call_run *run)
{
	struct job_run *job_run = (struct job_run *)run;

	jobs_forget(job_run->options.agent, &job_run->wait);
	sd_event_source_disable_unref(job_run->done);
	call_outcome_free(&job_run->outcome);
	free(job_run);
}

static bool stop(struct call_run *run)
{
	struct job_run *job_run = (struct job_run *)run;

	if (job_run->is_child && jobs_is_active(job_run->job)) {
		jobs_cancel(job_run->job, "its creator was ended");
		return false;
	}
	abandon(run);
	return true;
}

static const struct call_run_kind kind = { .stop = stop, .abandon = abandon };

static void tell(struct job_run *run)
{
	run->options.on_done(&run->outcome, run->options.data);
	abandon(&run->run);
}

static int on_done(sd_event_source *source, void *data)
{
	(void)source;
	tell(data);
	return 0;
}

/* What the creator reads about a job it has waited for, or asks about. */
static void say_job(struct job_run *run, const struct thread *job, bool with_result)
{
	struct agent *agent = run->options.agent;
	struct call_outcome *outcome = &run->outcome;
	struct error err = { 0 };
	int r = 0;

	label_set_add_text(&outcome->labels, job->labels);
	if (!run->is_child) {
		r = job_log_headline(agent, job, &outcome->content);
		if (r >= 0)
			r = buf_add_char(&outcome->content, '\n');
	}
	if (r >= 0 && with_result && !jobs_is_active(job))
		r = job_log_result(agent, job, &outcome->content, &err);
	outcome->ok = r >= 0;
	if (r < 0)
		call_outcome_say(outcome, false, "%s", err.code ? err.text : strerror(-r));
}

static void on_over(void *data)
{
	struct job_run *run = data;
	bool is_done = jobs_state(run->options.agent, run->job) == JOB_COMPLETED;
	bool is_cancel = strcmp(run->options.tool->name, "cancel_job") == 0;

	say_job(run, run->job, !is_cancel);
	run->outcome.ok &= is_cancel || is_done;
	tell(run);
}

static void wait_for(struct job_run *run, struct thread *job)
{
	run->job = job;
	run->wait = (struct job_wait){ .thread = job, .on_over = on_over, .data = run };
	jobs_wait(run->options.agent, &run->wait);
}

static struct turn *creator_of(const struct job_run *run)
{
	return run->options.thread->first;
}

static struct job_order order_of(const struct job_run *run, const char *title, const char *task)
{
	return (struct job_order){
		.creator = creator_of(run),
		.title = title,
		.task = task,
		.intent = run->options.intent,
		.is_persons = run->options.is_persons,
	};
}

static void refuse(struct job_run *run, const struct error *err)
{
	call_outcome_say(&run->outcome, false, "%s", err->text);
}

/* The named ones of the list, in its order; a name that is not in it is refused. */
static int choose_tools(struct job_order *order, yyjson_val *names, struct error *err)
{
	size_t kept = 0, i, max;
	yyjson_val *value;

	yyjson_arr_foreach(names, i, max, value)
	{
		const char *name = yyjson_get_str(value);
		bool is_known = false;

		for (size_t j = 0; j < order->n_tools && !is_known; j++)
			is_known = strcmp(order->tools[j]->name, name) == 0;
		if (!is_known)
			return FAIL(err, -EINVAL, "tools: \"%.64s\" cannot be given to a sub-agent",
				    name);
	}
	for (size_t j = 0; j < order->n_tools; j++) {
		bool is_wanted = false;

		yyjson_arr_foreach(names, i, max, value)
		{
			is_wanted |= strcmp(order->tools[j]->name, yyjson_get_str(value)) == 0;
		}
		if (is_wanted)
			order->tools[kept++] = order->tools[j];
	}
	order->n_tools = kept;
	return 0;
}

static int make(struct job_run *run, struct job_order *order, yyjson_val *names, bool only_reads,
		struct thread **ret, struct error *err)
{
	int r = jobs_tools_below(order->creator, only_reads, &order->tools, &order->n_tools);

	if (r < 0)
		return FAIL(err, r, "out of memory");
	r = names ? choose_tools(order, names, err) : 0;
	if (r >= 0)
		r = jobs_make(run->options.agent, order, ret, err);
	free((void *)order->tools);
	return r;
}

static void create_job(struct job_run *run, yyjson_val *arguments)
{
	struct job_order order = order_of(run, payload_get_string(arguments, "title"),
					  payload_get_string(arguments, "description"));
	struct error err = { 0 };
	struct thread *job;

	order.kind = JOB_BACKGROUND;
	if (make(run, &order, NULL, false, &job, &err) < 0)
		refuse(run, &err);
	else if (payload_get_flag(arguments, "wait") && jobs_is_active(job))
		wait_for(run, job);
	else
		say_job(run, job, true);
}

static void spawn_subagent(struct job_run *run, yyjson_val *arguments)
{
	const char *task = payload_get_string(arguments, "task");
	yyjson_val *names = yyjson_obj_get(arguments, "tools");
	char title[TITLE_BYTES + 1];
	struct job_order order = order_of(run, title, task);
	size_t length = strcspn(task, "\n");
	struct error err = { 0 };
	struct thread *job;

	length = utf8_cut(task, length, TITLE_BYTES);
	memcpy(title, task, length);
	title[length] = '\0';
	order.kind = JOB_SUBAGENT;
	run->is_child = true;
	if (make(run, &order, names, !names, &job, &err) < 0)
		refuse(run, &err);
	else if (jobs_is_active(job))
		wait_for(run, job);
	else
		say_job(run, job, true);
}

static void job_prompt(struct job_run *run, yyjson_val *arguments, struct thread *job)
{
	struct job_order order = order_of(run, NULL, payload_get_string(arguments, "content"));
	struct error err = { 0 };

	if (jobs_prompt(run->options.agent, job, &order, &err) < 0)
		refuse(run, &err);
	else
		call_outcome_say(&run->outcome, true,
				 "%s reads it when it is done with what it "
				 "does now",
				 job->name);
}

static void cancel_job(struct job_run *run, struct thread *job)
{
	if (!jobs_is_active(job)) {
		say_job(run, job, false);
		return;
	}
	wait_for(run, job);
	jobs_cancel(job, "cancelled by the agent");
}

static void job_events(struct job_run *run, yyjson_val *arguments, const struct thread *job)
{
	uint64_t limit = payload_get_number(arguments, "limit");
	struct call_outcome *outcome = &run->outcome;
	struct error err = { 0 };

	label_set_add_text(&outcome->labels, job->labels);
	if (job_log_events(run->options.agent, job, limit ? limit : EVENTS_DEFAULT,
			   &outcome->content, &err) < 0)
		refuse(run, &err);
	else
		outcome->ok = true;
}

static bool is_wanted(enum job_state state, const char *filter)
{
	if (!filter || strcmp(filter, "all") == 0)
		return true;
	if (strcmp(filter, "active") == 0)
		return state == JOB_PENDING || state == JOB_IN_PROGRESS;
	if (strcmp(filter, "completed") == 0)
		return state == JOB_COMPLETED;
	return state == JOB_FAILED || state == JOB_CANCELLED;
}

/* Titles are words of the jobs' creators: their labels go along. */
static void list_jobs(struct job_run *run, yyjson_val *arguments)
{
	const char *filter = payload_get_string(arguments, "filter");
	struct agent *agent = run->options.agent;
	struct call_outcome *outcome = &run->outcome;
	int r = 0;

	for (size_t i = 0; i < threads_count(agent->threads) && r >= 0; i++) {
		const struct thread *job = threads_at(agent->threads, i);

		if (!jobs_is_one(job) || job->owner != run->options.thread->owner ||
		    job->job->kind != JOB_BACKGROUND || !is_wanted(jobs_state(agent, job), filter))
			continue;
		label_set_add_text(&outcome->labels, job->labels);
		r = job_log_headline(agent, job, &outcome->content);
		if (r >= 0)
			r = buf_add_char(&outcome->content, '\n');
	}
	if (r >= 0 && outcome->content.length == 0)
		r = buf_add_string(&outcome->content, "no jobs");
	outcome->ok = r >= 0;
}

static void dispatch(struct job_run *run, yyjson_val *arguments)
{
	const char *name = run->options.tool->name, *id = payload_get_string(arguments, "job_id");
	struct thread *job;

	if (strcmp(name, "create_job") == 0) {
		create_job(run, arguments);
	} else if (strcmp(name, "spawn_subagent") == 0) {
		spawn_subagent(run, arguments);
	} else if (strcmp(name, "list_jobs") == 0) {
		list_jobs(run, arguments);
	} else {
		job = jobs_find(run->options.agent, run->options.thread->owner, id);
		if (!job || job->job->kind != JOB_BACKGROUND)
			call_outcome_say(&run->outcome, false,
					 "there is no job \"%.64s\"; list_jobs names them", id);
		else if (strcmp(name, "job_prompt") == 0)
			job_prompt(run, arguments, job);
		else if (strcmp(name, "cancel_job") == 0)
			cancel_job(run, job);
		else if (strcmp(name, "job_events") == 0)
			job_events(run, arguments, job);
		else
			say_job(run, job, true);
	}
}

int call_job_start(const struct call_run_options *options, struct call_run **ret, struct error *err)
{
	struct job_run *run = calloc(1, sizeof(*run));
	yyjson_doc *doc;
	int r = 0;

	if (!run)
		return FAIL(err, -ENOMEM, "out of memory");
	run->run.kind = &kind;
	run->options = *options;
	run->outcome = (struct call_outcome){ .content = BUF(CALL_CONTENT_MAX),
					      .meta = BUF(CALL_META_MAX) };
	doc = payload_parse(options->arguments, strlen(options->arguments));
	dispatch(run, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	if (!run->job)
		r = sd_event_add_defer(options->agent->event, &run->done, on_done, run);
	if (r < 0) {
		abandon(&run->run);
		return FAIL(err, r, "the outcome of %s cannot be told", options->tool->name);
	}
	*ret = &run->run;
	return 0;
}
