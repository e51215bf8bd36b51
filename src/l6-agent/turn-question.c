/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Questions to the person: put as records, answered or timed out as records. */
#include "base/clock.h"
#include "l6-agent/tool.h"
#include "l6-agent/turn.h"

#include <string.h>

static struct blob_store *blobs(const struct turn *turn)
{
	return journal_blobs(turn->agent->journal);
}

void turn_put_question(struct turn *turn, size_t index, const struct turn_question *question)
{
	const struct turn_call *call = &turn->progress.calls[index];
	const struct tool *tool = tool_find(call->call.name);
	uint64_t timeout_us = turn->agent->config->question_timeout_s * CLOCK_SECOND_US;
	struct label_set seen = { 0 };
	struct payload payload;

	payload_begin(&payload, blobs(turn));
	payload_number(&payload, "call", index);
	payload_string(&payload, "id", call->call.id);
	payload_string(&payload, "tool", call->call.name);
	payload_string(&payload, "effect", tool ? tool_effect_name(tool->effect) : NULL);
	payload_text(&payload, "action", question->action, strlen(question->action));
	if (question->reason && *question->reason)
		payload_text(&payload, "reason", question->reason, strlen(question->reason));
	if (question->proposal && *question->proposal)
		payload_text(&payload, "rule", question->proposal, strlen(question->proposal));
	if (!turn->is_direct)
		label_set_add_text(&seen, turn->thread->labels);
	payload_labels(&payload, "seenLabels", &seen);
	payload_string(&payload, "via", question_via_name(question->via));
	payload_number(&payload, "question", question->there);
	payload_number(&payload, "timeoutUsec", timeout_us);
	payload_number(&payload, "deadlineUsec", clock_realtime_us() + timeout_us);
	if (question->is_repeat)
		payload_flag(&payload, "repeat", true);
	if (turn_record(turn, JOURNAL_QUESTION, JOURNAL_AGENT, &payload, NULL, NULL) >= 0)
		turn_watch_questions(turn);
}

static void decide(struct turn *turn, size_t index, bool allow, const char *by)
{
	const struct turn_call *call = &turn->progress.calls[index];
	struct payload payload;

	payload_begin(&payload, blobs(turn));
	payload_number(&payload, "call", index);
	payload_number(&payload, "question", call->question);
	payload_flag(&payload, "allow", allow);
	payload_string(&payload, "by", by);
	(void)turn_record(turn, JOURNAL_DECISION,
			  strcmp(by, "person") == 0 ? JOURNAL_PERSON : JOURNAL_AGENT, &payload,
			  NULL, NULL); /* a failure has been dealt with */
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *data)
{
	uint64_t now = clock_monotonic_us();
	struct turn *turn = data;

	(void)source;
	(void)usec;
	for (size_t i = 0; i < turn->progress.n_calls; i++)
		if (turn->progress.calls[i].phase == CALL_ASKED &&
		    turn->progress.calls[i].ends_us <= now)
			decide(turn, i, false, "timeout");
	turn_advance(turn);
	return 0;
}

/* The realtime deadline stands in the record, so a restart does not extend it; from then on a clock
 * that is set neither shortens nor lengthens what is left. */
static void settle_end(struct turn_call *call, uint64_t now)
{
	uint64_t realtime = clock_realtime_us(), left = 0;

	if (call->ends_us > 0)
		return;
	if (call->deadline_us > realtime)
		left = call->deadline_us - realtime;
	call->ends_us = now + (left < call->timeout_us ? left : call->timeout_us);
}

void turn_watch_questions(struct turn *turn)
{
	uint64_t now = clock_monotonic_us(), earliest = UINT64_MAX, left;
	int r;

	for (size_t i = 0; i < turn->progress.n_calls; i++) {
		struct turn_call *call = &turn->progress.calls[i];

		if (call->phase != CALL_ASKED)
			continue;
		settle_end(call, now);
		if (call->ends_us < earliest)
			earliest = call->ends_us;
	}
	sd_event_source_disable_unref(turn->question_timer);
	turn->question_timer = NULL;
	if (earliest == UINT64_MAX)
		return;
	left = earliest > now ? earliest - now : 0;
	r = sd_event_add_time_relative(turn->agent->event, &turn->question_timer, CLOCK_MONOTONIC,
				       left, 0, on_deadline, turn);
	if (r < 0) /* nobody waits for ever: without a timer the answer is no */
		turn_end(turn, "failed", "no timer for the question's deadline");
}

bool turn_has_question(const struct turn *turn)
{
	for (size_t i = 0; i < turn->progress.n_calls; i++)
		if (turn->progress.calls[i].phase == CALL_ASKED)
			return true;
	return false;
}

int turn_decide(struct agent *agent, uint64_t question, bool allow, const char *by)
{
	for (size_t i = 0; i < threads_count(agent->threads); i++) {
		struct turn *turn = threads_at(agent->threads, i)->first;

		for (size_t j = 0; turn && j < turn->progress.n_calls; j++) {
			const struct turn_call *call = &turn->progress.calls[j];

			if (call->phase != CALL_ASKED || call->question != question)
				continue;
			decide(turn, j, allow, by);
			turn_advance(turn);
			return 0;
		}
	}
	return -ENOENT;
}
