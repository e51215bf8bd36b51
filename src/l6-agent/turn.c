/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/turn.h"

#include "base/array.h"
#include "base/clock.h"
#include "l6-agent/context.h"
#include "l6-agent/exchange.h"
#include "l6-agent/front.h"
#include "l6-agent/jobs.h"
#include "l6-agent/recall.h"
#include "l6-agent/subscribers.h"
#include "l6-agent/tape.h"
#include "l6-agent/tool.h"

#include <assert.h>
#include <string.h>

enum { INTERRUPTERS_MAX = 64 };

static unsigned parse_allow(yyjson_val *array)
{
	unsigned allow = 0;
	size_t i, max;
	yyjson_val *value;

	yyjson_arr_foreach(array, i, max, value)
	{
		enum tool_effect effect;

		if (yyjson_is_str(value) && tool_effect_parse(yyjson_get_str(value), &effect))
			allow |= 1U << effect;
	}
	return allow;
}

/* As the record says, else as it waits in line; what is not understood is trusted least. */
static enum tool_origin parse_origin(const char *name, enum priority priority)
{
	static const enum tool_origin origins[PRIORITY_COUNT] = {
		[PRIORITY_PERSON] = ORIGIN_PERSON,
		[PRIORITY_ROUTINE] = ORIGIN_ROUTINE,
		[PRIORITY_BACKGROUND] = ORIGIN_AGENT,
	};
	enum tool_origin origin = origins[priority];

	return !name || tool_origin_parse(name, &origin) ? origin : ORIGIN_AGENT;
}

int turn_new(struct agent *agent, struct thread *thread, uint64_t id, uint64_t position,
	     yyjson_val *payload, struct turn **ret)
{
	struct turn *turn = calloc(1, sizeof(*turn));

	if (!turn)
		return -ENOMEM;
	turn_init(turn, agent, thread, id, position, payload);
	*ret = turn;
	return 0;
}

void turn_init(struct turn *turn, struct agent *agent, struct thread *thread, uint64_t id,
	       uint64_t position, yyjson_val *payload)
{
	const char *priority = payload_get_string(payload, "priority");

	turn->agent = agent;
	turn->thread = thread;
	turn->id = id;
	turn->accepted = position;
	turn->progress.turn = id;
	turn->unattended = payload_get_flag(payload, "unattended");
	turn->is_direct = payload_get_string(payload, "tool") != NULL;
	turn->is_compact = payload_get_flag(payload, "compact");
	turn->wants_record = payload_get_flag(payload, "record");
	turn->wants_replay = payload_get_flag(payload, "replay");
	turn->workspace = (uint32_t)payload_get_number(payload, "workspace");
	turn->allow = parse_allow(yyjson_obj_get(payload, "allow"));
	if (priority)
		(void)priority_parse(priority, &turn->priority); /* of a newer version: a person */
	turn->origin = parse_origin(payload_get_string(payload, "origin"), turn->priority);
}

void turn_free(struct turn *turn)
{
	if (!turn)
		return;
	context_cancel(turn->context);
	exchange_cancel(turn->exchange);
	turn_compact_stop(turn);
	gate_leave(&turn->place);
	turn_free_slots(turn);
	progress_free(&turn->progress);
	tape_close(turn->record);
	tape_close(turn->replay);
	sd_event_source_disable_unref(turn->question_timer);
	sd_event_source_disable_unref(turn->limit);
	for (size_t i = 0; i < turn->n_interrupters; i++)
		sd_varlink_unref(turn->interrupters[i]);
	free((void *)turn->interrupters);
	free(turn);
}

static int apply(struct turn *turn, const struct journal_record *record, struct error *err)
{
	yyjson_doc *doc = payload_parse(record->payload, record->payload_length);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int r = progress_apply(&turn->progress, record, root, journal_blobs(turn->agent->journal),
			       err);

	if (r >= 0 && turn->thread->recall)
		r = recall_apply(turn->thread->recall, &turn->progress, record, root, err);
	yyjson_doc_free(doc);
	return r;
}

void turn_fail(struct turn *turn, int code, struct error *err)
{
	char reason[2 * ERROR_TEXT_BYTES];
	bool is_long = code == -EMSGSIZE || code == -E2BIG;

	(void)snprintf(reason, sizeof(reason), "%s%s", err->text,
		       is_long ? "; /compact summarises older turns, /new begins anew"
			       : ""); /* fits */
	turn_end(turn, "failed", reason);
}

int turn_record(struct turn *turn, enum journal_kind kind, enum journal_origin origin,
		struct payload *payload, journal_durable_fn on_durable, void *data)
{
	struct agent_append append = {
		.thread = turn->thread,
		.turn = turn->id,
		.kind = kind,
		.origin = origin,
		.payload = payload,
		.on_durable = on_durable,
		.data = data,
	};
	struct error err = { 0 };
	struct journal_record record;
	char *text = NULL;
	int r = agent_append(turn->agent, &append, &record, &text, &err);

	if (r < 0) {
		agent_give_up(turn->agent, &err);
		return r;
	}
	record.payload = text;
	r = apply(turn, &record, &err);
	free(text);
	if (r < 0 &&
	    turn->thread->recall) { /* the record stands; the conversation cannot hold it */
		recall_free(turn->thread->recall);
		turn->thread->recall = NULL;
		turn_fail(turn, r, &err);
		return r;
	}
	if (r < 0)
		agent_give_up(turn->agent, &err);
	return r;
}

void turn_say_status(struct turn *turn, const char *text)
{
	struct live_event event = {
		.thread = turn->thread,
		.turn = turn->id,
		.kind = "status",
		.text = text,
		.length = strlen(text),
	};

	subscribers_tell_live(turn->agent->subscribers, &event);
}

static int on_limit(sd_event_source *source, uint64_t usec, void *data)
{
	struct turn *turn = data;

	(void)source;
	(void)usec;
	if (turn->thread->job && job_time_left_us(turn->thread->job) == 0)
		turn_end(turn, "failed", "the time limit of the job is over");
	else
		turn_end(turn, "failed", "the time limit of the turn is over (agent.turn_timeout)");
	return 0;
}

static void start(struct turn *turn)
{
	struct agent *agent = turn->agent;
	uint64_t limit_us = agent->config->turn_timeout_s * CLOCK_SECOND_US;
	const struct job *job = turn->thread->job;
	int r;

	if (job && job_time_left_us(job) < limit_us)
		limit_us = job_time_left_us(job);
	turn->started_us = clock_monotonic_us();
	if (agent->open_turns++ == 0)
		service_hold(agent->service);
	r = sd_event_add_time_relative(agent->event, &turn->limit, CLOCK_MONOTONIC, limit_us, 0,
				       on_limit, turn);
	if (r < 0)
		turn_end(turn, "failed", "no timer for the turn's time limit");
	else
		turn_advance(turn);
}

void turn_enqueue(struct turn *turn)
{
	struct thread *thread = turn->thread;

	if (thread->last)
		thread->last->next = turn;
	else
		thread->first = turn;
	thread->last = turn;
	if (thread->first == turn)
		start(turn);
}

static void answer_interrupters(struct turn *turn)
{
	for (size_t i = 0; i < turn->n_interrupters; i++) {
		(void)sd_varlink_replybo(turn->interrupters[i],
					 SD_JSON_BUILD_PAIR_UNSIGNED("turn", turn->id));
		sd_varlink_unref(turn->interrupters[i]);
	}
	turn->n_interrupters = 0;
}

/* The turn is over and durable: the thread goes on with the next one. */
static void on_over(const struct journal_record *record, void *data)
{
	struct turn *turn = data;
	struct thread *thread = turn->thread;
	struct agent *agent = turn->agent;

	(void)record;
	answer_interrupters(turn);
	assert(thread->first == turn);
	thread->first = turn->next;
	thread->n_queued--;
	agent->accepted_turns--;
	if (!thread->first)
		thread->last = NULL;
	if (--agent->open_turns == 0)
		service_release(agent->service);
	turn_free(turn);
	if (thread->first)
		start(thread->first);
	else
		front_prepare(agent);
	if (thread->n_queued == 0)
		jobs_tell_over(agent, thread);
}

static void record_answer(struct turn *turn)
{
	struct payload payload;
	const char *text = turn->progress.text;

	payload_begin(&payload, journal_blobs(turn->agent->journal));
	payload_text(&payload, "text", text, strlen(text));
	(void)turn_record(turn, JOURNAL_ANSWER, turn->is_direct ? JOURNAL_TOOL : JOURNAL_MODEL,
			  &payload, NULL, NULL); /* a failure has been dealt with */
}

static void record_over(struct turn *turn, const char *state, const char *reason)
{
	struct payload payload;

	sd_event_source_disable_unref(turn->limit);
	turn->limit = NULL;
	payload_begin(&payload, journal_blobs(turn->agent->journal));
	payload_string(&payload, "state", state);
	payload_string(&payload, "reason", reason && *reason ? reason : NULL);
	if (turn->progress.is_refused || turn->is_refused)
		payload_flag(&payload, "refused", true);
	if (turn->wants_record && !turn->record)
		payload_flag(&payload, "recordLost", true);
	payload_number(&payload, "modelCalls", turn->progress.exchanges);
	payload_number(&payload, "toolCalls", turn->progress.tool_calls);
	payload_number(&payload, "durationUsec", clock_monotonic_us() - turn->started_us);
	(void)turn_record(turn, JOURNAL_TURN_DONE, JOURNAL_AGENT, &payload, on_over,
			  turn); /* a failure has been dealt with */
}

static void finish(struct turn *turn)
{
	const struct progress *progress = &turn->progress;

	turn->is_ending = true;
	if (!progress->text || *progress->text == '\0') {
		record_over(turn, "failed",
			    progress->reason ? progress->reason : "the model gave an empty answer");
		return;
	}
	if (!progress->is_answer_given)
		record_answer(turn);
	if (progress->is_direct && !progress->calls[0].ok)
		record_over(turn, "failed", NULL);
	else
		record_over(turn, "done", progress->reason);
}

/* The model has been told that it goes round in circles, and goes on. */
static void end_loop(struct turn *turn)
{
	struct buf reason = BUF(ERROR_TEXT_BYTES);

	if (loop_watch_explain(&turn->progress.loop, &reason) < 0)
		turn_end(turn, "failed", "stopped, the model went round in circles");
	else
		turn_end(turn, "failed", buf_string(&reason));
	buf_free(&reason);
}

/* Its thread's conversation does not know it, and will not. */
static int record_dropped(struct turn *turn, const char *reason)
{
	struct payload payload;
	struct agent_append append = {
		.thread = turn->thread,
		.turn = turn->id,
		.kind = JOURNAL_TURN_DONE,
		.origin = JOURNAL_AGENT,
		.payload = &payload,
	};
	struct error err = { 0 };
	int r;

	payload_begin(&payload, journal_blobs(turn->agent->journal));
	payload_string(&payload, "state", "interrupted");
	payload_string(&payload, "reason", reason);
	payload_number(&payload, "modelCalls", 0);
	payload_number(&payload, "toolCalls", 0);
	payload_number(&payload, "durationUsec", 0);
	r = agent_append(turn->agent, &append, NULL, NULL, &err);
	if (r < 0)
		agent_give_up(turn->agent, &err);
	return r;
}

void turn_drop_queued(struct thread *thread, const char *reason)
{
	struct turn *first = thread->first;

	while (first && first->next) {
		struct turn *turn = first->next;

		if (record_dropped(turn, reason) < 0)
			return;
		first->next = turn->next;
		thread->n_queued--;
		turn->agent->accepted_turns--;
		turn_free(turn);
	}
	thread->last = first;
}

void turn_advance(struct turn *turn)
{
	if (turn->is_ending || turn->agent->is_stopping)
		return;
	switch (turn->progress.phase) {
	case PHASE_NEW:
		turn_prepare(turn);
		break;
	case PHASE_READY:
	case PHASE_ASKING:
		if (loop_watch_is_over(&turn->progress.loop, turn->agent->config->loop_rounds))
			end_loop(turn);
		else
			turn_ask(turn);
		break;
	case PHASE_CALLING:
		turn_run_calls(turn);
		break;
	case PHASE_COMPACTING:
		turn_compact(turn);
		break;
	case PHASE_ANSWERED:
		finish(turn);
		break;
	case PHASE_FAILED:
		turn_end(turn, "failed", turn->progress.reason);
		break;
	case PHASE_OVER:
		break;
	}
}

void turn_continue_ending(struct turn *turn)
{
	if (!turn->end_state || turn_has_running_calls(turn))
		return;
	record_over(turn, turn->end_state, turn->end_reason);
	turn->end_state = NULL;
}

void turn_end(struct turn *turn, const char *state, const char *reason)
{
	if (turn->is_ending)
		return;
	turn->is_ending = true;
	turn->end_state = state;
	(void)snprintf(turn->end_reason, sizeof(turn->end_reason), "%s",
		       reason ? reason : ""); /* a long reason may be cut */
	context_cancel(TAKE_PTR(turn->context));
	exchange_cancel(TAKE_PTR(turn->exchange));
	turn_compact_stop(turn);
	turn_release_exchange(turn);
	turn_stop_calls(turn);
	turn_continue_ending(turn);
}

bool turn_is_steerable(const struct turn *turn)
{
	if (turn->is_direct || turn->is_compact || turn->is_ending)
		return false;
	switch (turn->progress.phase) {
	case PHASE_NEW:
	case PHASE_READY:
	case PHASE_CALLING:
	case PHASE_COMPACTING:
		return true;
	case PHASE_ASKING:
		return !turn_is_at_last_call(turn);
	case PHASE_ANSWERED:
	case PHASE_FAILED:
	case PHASE_OVER:
		break;
	}
	return false;
}

int turn_interrupt(struct thread *thread, sd_varlink *link)
{
	struct turn *turn = thread->first;
	int r;

	if (!turn)
		return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_NULL("turn"));
	r = ARRAY_ROOM(turn->interrupters, turn->n_interrupters, turn->interrupters_capacity,
		       INTERRUPTERS_MAX);
	if (r < 0)
		return r;
	turn->interrupters[turn->n_interrupters++] = sd_varlink_ref(link);
	if (thread->job)
		jobs_cancel(thread, "cancelled by the person");
	else
		turn_end(turn, "interrupted", "interrupted by the person");
	return 0;
}
