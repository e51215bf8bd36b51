/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The tool calls of an answer: read-only ones side by side, others in order, each with a durable
 * intent before it and an outcome after it. What an intent without an outcome means after a restart
 * is decided here as well.
 */
#include "base/cleanup.h"
#include "l6-agent/call-action.h"
#include "l6-agent/call-run.h"
#include "l6-agent/job.h"
#include "l6-agent/leak-record.h"
#include "l6-agent/turn.h"

#include <assert.h>
#include <string.h>

enum {
	STARTS_MAX = 3,                   /* of a read that is cut off again and again */
	DIRECT_LIMIT_BYTES = 1024 * 1024, /* a person reads it */
	ARGUMENTS_MAX = 8 * 1024 * 1024,
	RESULT_SHOWN_MAX = 16 * 1024, /* unless the model reads less */
	TOLD_MAX = 1024,
};

static const char unknown_text[] =
	"It is not known whether this call took effect: the system was restarted while it ran, and "
	"it was not repeated. Look before you call it again.";

static struct turn_call *call_of(const struct turn_slot *slot)
{
	return &slot->turn->progress.calls[slot->index];
}

static size_t result_limit(const struct turn *turn)
{
	size_t most = turn->agent->format->result_bytes_max;

	if (turn->is_direct)
		return DIRECT_LIMIT_BYTES;
	return most && most < RESULT_SHOWN_MAX ? most : RESULT_SHOWN_MAX;
}

static void add_meta(struct payload *payload, const struct buf *members)
{
	struct buf object = BUF(CALL_META_MAX + 2);

	if (members->length == 0)
		return;
	if (buf_printf(&object, "{%s}", buf_string(members)) >= 0)
		payload_json(payload, "meta", buf_string(&object));
	buf_free(&object);
}

/* A model that goes round in circles is told so with the result that closes one. */
static void add_told(struct payload *payload, const struct turn_slot *slot, bool ok)
{
	yyjson_mut_val *part = yyjson_mut_obj_get(payload->root, "result");
	struct buf told = BUF(TOLD_MAX);
	const char *result;

	if (payload->error < 0)
		return;
	result = yyjson_mut_get_str(yyjson_mut_is_str(part) ? part
							    : yyjson_mut_obj_get(part, "blob"));
	if (progress_tell_loop(&slot->turn->progress, slot->index, ok, result, &told) < 0)
		payload->error = -ENOMEM;
	else if (told.length > 0)
		payload_string(payload, "told", buf_string(&told));
	buf_free(&told);
}

/* What looks like a secret gets no further than here: not into the journal, not to the model. */
static void clean_outcome(struct call_outcome *outcome, struct leak_tally *leaks)
{
	if (leak_clean(&outcome->content, leaks) < 0)
		call_outcome_say(outcome, false,
				 "the result cannot be searched for secrets: out of memory");
}

static void record_outcome(struct turn_slot *slot, struct call_outcome *outcome, bool denied)
{
	struct leak_tally leaks = { 0 };
	const struct turn_call *call = call_of(slot);
	struct turn *turn = slot->turn;
	struct payload payload;

	clean_outcome(outcome, &leaks);
	payload_begin(&payload, journal_blobs(turn->agent->journal));
	payload_number(&payload, "call", slot->index);
	payload_string(&payload, "id", call->call.id);
	payload_string(&payload, "tool", call->call.name);
	payload_flag(&payload, "ok", outcome->ok);
	if (denied)
		payload_flag(&payload, "denied", true);
	if (outcome->end == CALL_END_UNKNOWN)
		payload_flag(&payload, "unknown", true);
	payload_text(&payload, "result", buf_string(&outcome->content), outcome->content.length);
	add_told(&payload, slot, outcome->ok);
	payload_number(&payload, "bytes", outcome->content.length);
	payload_number(&payload, "limit", result_limit(turn));
	if (outcome->labels.n == 0)
		payload_json(&payload, "labels", "[]"); /* none is said, too */
	payload_labels(&payload, "labels", &outcome->labels);
	add_meta(&payload, &outcome->meta);
	leak_record(&payload, &leaks, "result");
	(void)turn_record(turn, JOURNAL_TOOL_DONE, JOURNAL_TOOL, &payload, NULL,
			  NULL); /* a failure has been dealt with */
}

static void say(struct turn_slot *slot, enum call_end end, bool denied, const char *text)
{
	struct call_outcome outcome = { .end = end };

	call_outcome_say(&outcome, false, "%s", text);
	record_outcome(slot, &outcome, denied);
	call_outcome_free(&outcome);
}

static bool is_allowed_before(const struct turn *turn, const struct tool *tool)
{
	return turn->allow & 1U << tool->effect;
}

static void ask(struct turn_slot *slot, bool is_repeat)
{
	struct buf action = BUF(CALL_ACTION_BYTES_MAX);
	struct turn_question question = { .via = VIA_AGENT,
					  .is_repeat = is_repeat,
					  .reason = slot->reason,
					  .proposal = slot->proposal };
	int r = is_repeat ? buf_add_string(&action, "It may have happened already. Repeat? ") : 0;

	if (r >= 0)
		r = call_action_write(slot->tool, slot->arguments, &action);
	question.action = buf_string(&action);
	if (r < 0)
		say(slot, CALL_END_DONE, true, "the question for the person cannot be written");
	else
		turn_put_question(slot->turn, slot->index, &question);
	buf_free(&action);
}

static void on_outcome(struct call_outcome *outcome, void *data)
{
	struct turn_slot *slot = data;
	struct turn *turn = slot->turn;
	struct turn_question question = { .via = outcome->via,
					  .there = outcome->question,
					  .action = buf_string(&outcome->content),
					  .reason = outcome->reason,
					  .proposal = outcome->proposal };

	slot->run = NULL;
	if (turn->end_state) { /* it is being ended */
		record_outcome(slot, outcome, false);
		turn_continue_ending(turn);
		return;
	}
	if (outcome->end != CALL_END_ASK)
		record_outcome(slot, outcome, false);
	else if (call_of(slot)->is_answered && call_of(slot)->question_there > 0 &&
		 !outcome->is_anew)
		say(slot, CALL_END_DONE, true,
		    "denied: the person's word has not reached the daemon that it counts for");
	else if (turn->unattended && !is_allowed_before(turn, slot->tool))
		say(slot, CALL_END_DONE, true,
		    "denied: this needs the person's approval, and nobody can be asked now");
	else
		turn_put_question(turn, slot->index, &question);
	turn_advance(turn);
}

static struct call_run_options options_of(struct turn_slot *slot)
{
	const struct turn_call *call = call_of(slot);
	struct turn *turn = slot->turn;

	return (struct call_run_options){
		.agent = turn->agent,
		.thread = turn->thread,
		.turn = turn->id,
		.workspace = turn->workspace,
		.priority = turn->priority,
		.origins = turn_origins(turn),
		.tool = slot->tool,
		.arguments = slot->arguments,
		.intent = call->first_intent,
		.intent_time_us = call->first_intent_time_us,
		.question = call->is_answered ? call->question_there : 0,
		.is_persons = turn->is_direct,
		.result_limit = result_limit(turn),
		.on_done = on_outcome,
		.data = slot,
	};
}

static void run(struct turn_slot *slot)
{
	struct call_run_options options = options_of(slot);
	struct call_outcome outcome = { 0 };
	struct error err = { 0 };

	if (call_run_start(&options, &slot->run, &err) >= 0)
		return;
	outcome.meta = BUF(CALL_META_MAX);
	call_outcome_say(&outcome, false, "%s", err.text);
	on_outcome(&outcome, slot);
	call_outcome_free(&outcome);
}

static void on_intent_durable(const struct journal_record *record, void *data)
{
	struct turn_slot *slot = data;

	(void)record;
	if (!slot->turn->is_ending)
		run(slot);
}

/* The intent; what it announces begins when it is durable. */
static void begin(struct turn_slot *slot)
{
	const struct turn_call *call = call_of(slot);
	struct turn *turn = slot->turn;
	struct label_set seen = { 0 };
	struct payload payload;

	slot->is_begun = true;
	payload_begin(&payload, journal_blobs(turn->agent->journal));
	payload_number(&payload, "call", slot->index);
	payload_string(&payload, "id", call->call.id);
	payload_string(&payload, "tool", slot->tool->name);
	if (strlen(slot->arguments) <= PAYLOAD_TEXT_INLINE_MAX)
		payload_json(&payload, "arguments", slot->arguments);
	else
		payload_blob(&payload, "arguments", slot->arguments, strlen(slot->arguments));
	payload_string(&payload, "effect", tool_effect_name(slot->tool->effect));
	payload_number(&payload, "attempt", call->starts + 1);
	if (slot->tool->effect != TOOL_READ && !turn->is_direct)
		label_set_add_text(&seen, turn->thread->labels);
	payload_labels(&payload, "seenLabels", &seen);
	(void)turn_record(turn, JOURNAL_TOOL_STARTED,
			  turn->is_direct ? JOURNAL_PERSON : JOURNAL_MODEL, &payload,
			  on_intent_durable, slot); /* a failure has been dealt with */
}

static void refuse_unknown(struct turn_slot *slot)
{
	const char *name = call_of(slot)->call.name, *near = tool_nearest(name);
	struct call_outcome outcome = { 0 };

	if (near)
		call_outcome_say(&outcome, false,
				 "there is no tool \"%.100s\"; did you mean \"%s\"?", name, near);
	else
		call_outcome_say(&outcome, false, "there is no tool \"%.100s\"", name);
	record_outcome(slot, &outcome, false);
	call_outcome_free(&outcome);
}

/* What was not offered is not run. A direct form is the person's own. */
static bool may_use(const struct turn *turn, const struct tool *tool)
{
	const struct job *job = turn->thread->job;

	return turn->is_direct ||
	       (agent_has_tool(turn->agent, tool) && (!job || job_has_tool(job, tool)));
}

/* Finds the tool and checks the arguments. False: the call has its outcome already. */
static bool resolve(struct turn_slot *slot)
{
	const struct tool_call *call = &call_of(slot)->call;
	struct buf arguments = BUF(ARGUMENTS_MAX);
	struct error err = { 0 };

	if (slot->arguments)
		return true;
	slot->tool = tool_find(call->name);
	if (!slot->tool) {
		refuse_unknown(slot);
		return false;
	}
	if (!may_use(slot->turn, slot->tool)) {
		say(slot, CALL_END_DONE, true,
		    "denied: this tool is not among those that were given here");
		return false;
	}
	if (tool_check(slot->tool, call->arguments, strlen(call->arguments), &arguments, &err) <
	    0) {
		buf_free(&arguments);
		say(slot, CALL_END_DONE, false, err.text);
		return false;
	}
	slot->arguments = buf_take(&arguments);
	return true;
}

/* What leaves the machine is judged by claw-egressd again, whatever the table says here. */
static void deny(struct turn_slot *slot)
{
	struct call_outcome outcome = { 0 };

	call_outcome_say(&outcome, false, "denied: %s",
			 slot->reason && *slot->reason ? slot->reason
						       : "calls of this kind are not allowed here");
	record_outcome(slot, &outcome, true);
	call_outcome_free(&outcome);
}

static void consider(struct turn_slot *slot)
{
	struct turn *turn = slot->turn;

	if (!turn_judge(slot))
		return; /* it is considered again with the verdict */
	switch (slot->verdict) {
	case TOOL_DENY:
		deny(slot);
		return;
	case TOOL_ASK:
		if (slot->tool->place == TOOL_EGRESS || is_allowed_before(turn, slot->tool))
			break;
		if (turn->unattended)
			say(slot, CALL_END_DONE, true,
			    "denied: this needs the person's approval, and nobody can be asked "
			    "now");
		else
			ask(slot, false);
		return;
	case TOOL_ALLOW:
		break;
	}
	begin(slot);
}

/* The intent is there, the outcome is not, and no process of ours runs it: it was cut off. */
static void take_up(struct turn_slot *slot)
{
	bool is_job = slot->tool->place == TOOL_JOB;
	bool is_safe =
		is_job || slot->tool->effect == TOOL_READ || slot->tool->place == TOOL_MEMORY;

	if (is_job || (is_safe && call_of(slot)->starts < STARTS_MAX))
		begin(slot); /* a read; a write or a job that is known by its intent */
	else if (is_safe || slot->turn->unattended)
		say(slot, CALL_END_UNKNOWN, false, unknown_text);
	else
		ask(slot, true);
}

/* One step of one call. */
static void step(struct turn_slot *slot)
{
	const struct turn_call *call = call_of(slot);

	if (call->phase == CALL_DONE || !resolve(slot)) /* what has its outcome gets no other */
		return;
	switch (call->phase) {
	case CALL_WAITING:
		consider(slot);
		break;
	case CALL_STARTED:
		if (!slot->is_begun)
			take_up(slot);
		break;
	case CALL_ALLOWED:
		begin(slot);
		break;
	case CALL_REFUSED:
		if (call->is_repeat)
			say(slot, CALL_END_UNKNOWN, false, unknown_text);
		else
			say(slot, CALL_END_DONE, true,
			    "denied by the person, or not answered in time");
		break;
	case CALL_ASKED:
	case CALL_DONE:
		break;
	}
}

/* A job works beside its creator anyway. */
static bool is_read(const struct turn_call *call)
{
	const struct tool *tool = tool_find(call->call.name);

	return !tool || tool->effect == TOOL_READ || tool->place == TOOL_JOB;
}

static int make_slots(struct turn *turn)
{
	size_t n = turn->progress.n_calls;

	turn_free_slots(turn);
	turn->slots = calloc(n, sizeof(*turn->slots));
	if (!turn->slots)
		return -ENOMEM;
	turn->n_slots = n;
	for (size_t i = 0; i < n; i++)
		turn->slots[i] = (struct turn_slot){ .turn = turn, .index = i };
	turn->slots_of = turn->progress.exchanges;
	turn->has_slots = true;
	return 0;
}

/* It is judged already, and begins in its turn. */
static void look_ahead(struct turn_slot *slot)
{
	if (call_of(slot)->phase == CALL_WAITING && resolve(slot))
		(void)!turn_judge(slot); /* under way or done: step() sees which */
}

void turn_run_calls(struct turn *turn)
{
	struct progress *progress = &turn->progress;
	bool is_held = false; /* one in front is being judged: those behind do not overtake it */

	if (turn->is_stepping) /* the loop below sees what has changed */
		return;
	if ((!turn->has_slots || turn->slots_of != progress->exchanges) && make_slots(turn) < 0) {
		turn_end(turn, "failed", "out of memory");
		return;
	}
	turn->is_stepping = true;
	for (size_t i = 0; i < progress->n_calls && !turn->is_ending; i++) {
		if (!is_read(&progress->calls[i]) && i > 0) {
			bool clear = true;

			for (size_t j = 0; j < i; j++)
				clear &= progress->calls[j].phase == CALL_DONE;
			if (!clear)
				break; /* in order: it waits for all before it */
		}
		if (is_held)
			look_ahead(&turn->slots[i]);
		else
			step(&turn->slots[i]);
		is_held |= turn->slots[i].judge != NULL;
		if (!is_read(&progress->calls[i]) && progress->calls[i].phase != CALL_DONE)
			break; /* and all behind it wait for it */
	}
	turn->is_stepping = false;
	turn_watch_questions(turn);
	if (progress->phase != PHASE_CALLING)
		turn_advance(turn);
}

bool turn_has_running_calls(const struct turn *turn)
{
	for (size_t i = 0; i < turn->n_slots; i++)
		if (turn->slots[i].run)
			return true;
	return false;
}

void turn_stop_calls(struct turn *turn)
{
	for (size_t i = 0; i < turn->n_slots; i++) {
		struct turn_slot *slot = &turn->slots[i];

		turn_drop_judgment(slot);
		if (!slot->run || !call_run_stop(slot->run))
			continue;
		slot->run = NULL;
		say(slot, CALL_END_UNKNOWN, false, "interrupted before it was done");
	}
}

void turn_free_slots(struct turn *turn)
{
	for (size_t i = 0; i < turn->n_slots; i++) {
		if (turn->slots[i].run)
			call_run_abandon(turn->slots[i].run);
		turn_drop_judgment(&turn->slots[i]);
		free(turn->slots[i].arguments);
	}
	free(turn->slots);
	turn->slots = NULL;
	turn->n_slots = 0;
	turn->has_slots = false;
}
