/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/jobs.h"

#include "base/clock.h"
#include "l6-agent/leak-record.h"
#include "l6-agent/tape.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

enum { NAME_BYTES = 64, KEY_BYTES = 32 };

static const char *const state_names[] = { "pending", "in_progress", "completed", "failed",
					   "cancelled" };

const char *job_state_name(enum job_state state)
{
	return state_names[state];
}

bool jobs_is_active(const struct thread *thread)
{
	return thread->n_queued > 0;
}

bool jobs_is_one(const struct thread *thread)
{
	return thread->job && thread->n_turns > 0;
}

enum job_state jobs_state(const struct agent *agent, const struct thread *thread)
{
	const struct turn_entry *last = turns_at(agent->threads, thread->last_turn);

	if (jobs_is_active(thread))
		return thread->first && thread->first->progress.phase != PHASE_NEW ? JOB_IN_PROGRESS
										   : JOB_PENDING;
	if (!last || last->state == TURN_INTERRUPTED)
		return JOB_CANCELLED;
	return last->state == TURN_DONE ? JOB_COMPLETED : JOB_FAILED;
}

void jobs_account(const struct turn *turn, const struct thread **ret_thread, uint64_t *ret_turn)
{
	const struct thread *thread = turn->thread;
	uint64_t id = turn->id;

	while (thread->job && threads_by_id(turn->agent->threads, thread->job->parent)) {
		id = thread->job->turn;
		thread = threads_by_id(turn->agent->threads, thread->job->parent);
	}
	*ret_thread = thread;
	*ret_turn = id;
}

struct thread *jobs_find(const struct agent *agent, uint32_t owner, const char *name)
{
	struct thread *thread = threads_by_name(agent->threads, owner, name);

	return thread && jobs_is_one(thread) ? thread : NULL;
}

static bool is_for_jobs(const struct tool *tool)
{
	return tool->place == TOOL_JOB;
}

int jobs_tools_below(const struct turn *creator, bool only_reads, const struct tool ***ret,
		     size_t *ret_n)
{
	const struct job *job = creator->thread->job;
	const struct tool **tools = (const struct tool **)calloc(tool_table_count, sizeof(*tools));
	size_t n = 0;

	if (!tools)
		return -ENOMEM;
	for (size_t i = 0; i < tool_table_count; i++) {
		const struct tool *tool = tool_table[i];

		if (!agent_has_tool(creator->agent, tool) || (job && !job_has_tool(job, tool)))
			continue;
		if (!is_for_jobs(tool) && (!only_reads || tool->effect == TOOL_READ))
			tools[n++] = tool;
	}
	*ret = tools;
	*ret_n = n;
	return 0;
}

/* The turn that this call has made already, 0: none. Clients choose keys as well: only a record
 * with the intent is one of a call. */
static uint64_t find_made(struct agent *agent, uint32_t owner, const char *key, uint64_t intent)
{
	uint64_t hash = turns_key_hash(owner, key), turn = 0;
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	bool is_found = false;

	while (!is_found && (turn = turns_by_key(agent->threads, hash, turn)) > 0) {
		uint64_t position = turns_at(agent->threads, turn)->last_position;
		struct journal_record record;
		struct error err = { 0 };
		yyjson_doc *doc;

		do {
			if (journal_peek(agent->journal, position, &record, &err) < 0)
				break;
			position = record.previous;
		} while (record.turn != turn || record.kind != JOURNAL_ACCEPTED);
		if (err.code < 0 ||
		    journal_read(agent->journal, record.position, &payload, &record, &err) < 0)
			continue;
		doc = payload_parse(record.payload, record.payload_length);
		is_found = payload_get_number(yyjson_doc_get_root(doc), "intent") == intent;
		yyjson_doc_free(doc);
	}
	buf_free(&payload);
	return is_found ? turn : 0;
}

static void on_accepted(const struct journal_record *record, void *data)
{
	struct turn *turn = data;
	struct thread *thread = turn->thread;

	(void)record;
	turn_enqueue(turn);
	if (thread->job->is_unwanted)
		jobs_cancel(thread, "its creator was ended");
}

static void build(struct payload *payload, const struct job_order *order, const char *key,
		  const struct turn *rights)
{
	const struct turn *creator = order->creator;
	struct label_set labels = { 0 };
	yyjson_mut_val *allow;

	payload_string(payload, "key", key);
	payload_number(payload, "intent", order->intent);
	leak_record_text(payload, "text", order->task, "message");
	if (payload->error < 0)
		return;
	allow = yyjson_mut_obj_add_arr(payload->doc, payload->root, "allow");
	for (unsigned i = 0; i < TOOL_EFFECT_COUNT; i++)
		if (creator->allow & rights->allow & 1U << i)
			(void)yyjson_mut_arr_add_str(payload->doc, allow, tool_effect_name(i));
	payload_flag(payload, "unattended", creator->unattended || rights->unattended);
	payload_number(payload, "workspace", rights->workspace);
	payload_string(payload, "priority",
		       priority_name(order->kind == JOB_SUBAGENT ? creator->priority
								 : PRIORITY_BACKGROUND));
	payload_string(payload, "origin",
		       tool_origin_name(order->is_persons ? ORIGIN_PERSON : ORIGIN_AGENT));
	if (!order->is_persons)
		label_set_add_text(&labels, creator->thread->labels);
	payload_labels(payload, "labels", &labels);
	if (creator->record)
		payload_flag(payload, "record", true);
	if (creator->wants_replay)
		payload_flag(payload, "replay", true);
}

/* What is played asks no model, also not by what it makes; what is recorded is recorded whole. */
static int share_tapes(const struct turn *creator, struct turn *turn)
{
	int r = creator->record ? tape_share(creator->record, &turn->record) : 0;

	return r >= 0 && creator->replay ? tape_share(creator->replay, &turn->replay) : r;
}

/* The task is a message of the thread, with the rights both turns have. */
static int append_task(struct agent *agent, struct thread *thread, const struct job_order *order,
		       const struct turn *rights, const char *key, struct error *err)
{
	uint64_t id = turns_count(agent->threads) + 1;
	struct turn *turn = calloc(1, sizeof(*turn));
	struct payload payload;
	struct agent_append append = {
		.thread = thread,
		.turn = id,
		.kind = JOURNAL_ACCEPTED,
		.origin = order->is_persons ? JOURNAL_PERSON : JOURNAL_MODEL,
		.payload = &payload,
		.on_durable = on_accepted,
		.data = turn,
	};
	struct journal_record record;
	yyjson_doc *doc;
	char *text = NULL;
	int r;

	if (!turn)
		return FAIL(err, -ENOMEM, "out of memory");
	r = share_tapes(order->creator, turn);
	if (r < 0) {
		turn_free(turn);
		return FAIL(err, r, "the recording cannot be shared: %s", strerror(-r));
	}
	payload_begin(&payload, journal_blobs(agent->journal));
	build(&payload, order, key, rights);
	r = agent_append(agent, &append, &record, &text, err);
	if (r < 0) {
		turn_free(turn);
		agent_give_up(agent, err);
		return r;
	}
	doc = payload_parse(text, record.payload_length);
	turn_init(turn, agent, thread, id, record.position, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	free(text);
	thread->n_queued++;
	agent->accepted_turns++;
	return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Limits of a kind, and never more than what is left of a creator that is a job itself. */
static void set_limits(const struct agent *agent, const struct job_order *order, struct job *ret)
{
	const struct agentd_config *config = agent->config;
	const struct job *above = order->creator->thread->job;
	bool is_sub = order->kind == JOB_SUBAGENT;

	ret->calls_max = is_sub ? config->subagent_iterations : config->job_iterations;
	ret->deadline_us =
		clock_realtime_us() +
		CLOCK_SECOND_US * (is_sub ? config->subagent_timeout_s : config->job_timeout_s);
	if (!above)
		return;
	ret->calls_max = earlier(ret->calls_max, job_calls_left(above));
	ret->deadline_us = earlier(ret->deadline_us, above->deadline_us);
}

static int check_room(const struct agent *agent, const struct job_order *order, struct error *err)
{
	const struct agentd_config *config = agent->config;
	const struct turn *creator = order->creator;
	uint64_t active = 0, of_turn = 0;

	if (agent->accepted_turns >= config->turns_max)
		return FAIL(err, -EDQUOT, "%zu messages wait already (agent.turns_max)",
			    agent->accepted_turns);
	if (threads_count(agent->threads) >= config->threads_max)
		return FAIL(err, -EDQUOT, "there are %zu threads already (agent.threads_max)",
			    threads_count(agent->threads));
	for (size_t i = 0; i < threads_count(agent->threads); i++) {
		const struct thread *thread = threads_at(agent->threads, i);

		if (!thread->job || thread->owner != creator->thread->owner)
			continue;
		active += thread->job->kind == JOB_BACKGROUND && jobs_is_active(thread);
		of_turn += thread->job->kind == JOB_SUBAGENT && thread->job->turn == creator->id;
	}
	if (order->kind == JOB_BACKGROUND && active >= config->jobs_max)
		return FAIL(err, -EDQUOT,
			    "%" PRIu64 " jobs are at work, more are not allowed at once "
			    "(agent.jobs_max): wait for one or cancel it",
			    active);
	if (order->kind == JOB_SUBAGENT && of_turn >= config->subagents_max)
		return FAIL(err, -EDQUOT,
			    "this turn had %" PRIu64 " sub-agents, more are not allowed "
			    "(agent.subagents_max)",
			    of_turn);
	return 0;
}

static int append_thread(struct agent *agent, const struct job_order *order, struct thread **ret,
			 struct error *err)
{
	const struct thread *parent = order->creator->thread;
	struct job job = {
		.kind = order->kind,
		.title = (char *)(uintptr_t)order->title, /* only read */
		.parent = parent->id,
		.turn = order->creator->id,
		.tools = order->tools,
		.n_tools = order->n_tools,
	};
	uint64_t id = threads_count(agent->threads) + 1;
	struct payload payload;
	struct agent_append append = {
		.thread_id = id,
		.owner = parent->owner,
		.kind = JOURNAL_THREAD_NEW,
		.origin = JOURNAL_AGENT,
		.payload = &payload,
	};
	const char *stem = order->kind == JOB_SUBAGENT ? "sub" : "job";
	char name[NAME_BYTES];
	uint64_t number = id;
	int r;

	do
		(void)snprintf(name, sizeof(name), "%s-%" PRIu64, stem, number++); /* fits */
	while (threads_by_name(agent->threads, parent->owner, name));
	set_limits(agent, order, &job);
	payload_begin(&payload, journal_blobs(agent->journal));
	payload_string(&payload, "name", name);
	job_write(&job, &payload);
	r = agent_append(agent, &append, NULL, NULL, err);
	if (r < 0)
		agent_give_up(agent, err);
	else
		*ret = threads_by_id(agent->threads, id);
	return r;
}

int jobs_make(struct agent *agent, const struct job_order *order, struct thread **ret,
	      struct error *err)
{
	uint32_t owner = order->creator->thread->owner;
	char key[KEY_BYTES];
	uint64_t made;
	int r;

	(void)snprintf(key, sizeof(key), "call:%" PRIu64, order->intent); /* fits */
	made = find_made(agent, owner, key, order->intent);
	if (made > 0) {
		*ret = threads_by_id(agent->threads, turns_at(agent->threads, made)->thread);
		return 0;
	}
	r = check_room(agent, order, err);
	if (r >= 0)
		r = append_thread(agent, order, ret, err);
	return r < 0 ? r : append_task(agent, *ret, order, order->creator, key, err);
}

int jobs_prompt(struct agent *agent, struct thread *thread, const struct job_order *order,
		struct error *err)
{
	char key[KEY_BYTES];

	(void)snprintf(key, sizeof(key), "call:%" PRIu64, order->intent); /* fits */
	if (find_made(agent, thread->owner, key, order->intent) > 0)
		return 0;
	if (!thread->first || thread->job->is_unwanted)
		return FAIL(err, -ESRCH, "%s is %s", thread->name,
			    job_state_name(jobs_state(agent, thread)));
	if (thread->n_queued > agent->config->queue_max)
		return FAIL(err, -EDQUOT, "%u messages wait in %s already (agent.queue_max)",
			    thread->n_queued - 1, thread->name);
	return append_task(agent, thread, order, thread->first, key, err);
}

void jobs_cancel(struct thread *thread, const char *reason)
{
	thread->job->is_unwanted = true; /* its task may not be durable yet */
	if (!thread->first)
		return;
	turn_drop_queued(thread, reason);
	turn_end(thread->first, "interrupted", reason);
}

void jobs_wait(struct agent *agent, struct job_wait *wait)
{
	wait->next = agent->job_waits;
	agent->job_waits = wait;
}

void jobs_forget(struct agent *agent, struct job_wait *wait)
{
	struct job_wait **at = &agent->job_waits;

	while (*at && *at != wait)
		at = &(*at)->next;
	if (*at)
		*at = wait->next;
}

void jobs_tell_over(struct agent *agent, const struct thread *thread)
{
	struct job_wait *wait;

	do {
		for (wait = agent->job_waits; wait && wait->thread != thread; wait = wait->next)
			;
		if (!wait)
			return;
		jobs_forget(agent, wait);
		wait->on_over(wait->data);
	} while (true);
}
