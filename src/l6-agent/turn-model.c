/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The model's part of a turn: what stands in front of the question, asking, the answer. */
#include "base/clock.h"
#include "l6-agent/context.h"
#include "l6-agent/exchange.h"
#include "l6-agent/jobs.h"
#include "l6-agent/recall-cache.h"
#include "l6-agent/recall.h"
#include "l6-agent/subscribers.h"
#include "l6-agent/tool.h"
#include "l6-agent/turn.h"

#include <stdio.h>
#include <string.h>

enum { ATTEMPTS_MAX = 2, MESSAGE_PAYLOAD_MAX = JOURNAL_PAYLOAD_MAX, STATUS_BYTES = 96 };

static struct blob_store *blobs(const struct turn *turn)
{
	return journal_blobs(turn->agent->journal);
}

static void on_context(struct context_result *result, void *data)
{
	struct turn *turn = data;
	struct payload payload;

	label_set_add_text(&result->labels, turn->thread->labels);
	turn->context = NULL;
	if (result->code < 0) {
		turn_end(turn, "failed", result->err.text);
		return;
	}
	if (turn->progress.phase != PHASE_NEW) { /* taken up again after a restart */
		turn_advance(turn);
		return;
	}
	if (recall_cache_load(turn) < 0)
		return; /* the turn has ended with the reason */
	payload_begin(&payload, blobs(turn));
	payload_number(&payload, "accepted", turn->accepted);
	if (result->memory)
		payload_text(&payload, "memory", result->memory, strlen(result->memory));
	payload_string(&payload, "note", *result->note ? result->note : NULL);
	payload_labels(&payload, "labels", &result->labels);
	leak_record(&payload, &result->leaks, "memory");
	if (turn_record(turn, JOURNAL_TURN_STARTED, JOURNAL_AGENT, &payload, NULL, NULL) >= 0)
		turn_advance(turn);
}

/* A direct form asks no model: its one call is known. */
static void prepare_direct(struct turn *turn, yyjson_val *accepted)
{
	yyjson_mut_val *calls, *call;
	struct payload payload;
	struct buf arguments = BUF(PAYLOAD_TEXT_MAX);
	int r = payload_get_text(accepted, "arguments", blobs(turn), &arguments);

	payload_begin(&payload, blobs(turn));
	payload_number(&payload, "accepted", turn->accepted);
	if (payload.error == 0 && r >= 0) {
		calls = yyjson_mut_obj_add_arr(payload.doc, payload.root, "calls");
		call = yyjson_mut_arr_add_obj(payload.doc, calls);
		(void)yyjson_mut_obj_add_str(payload.doc, call, "id", "direct");
		(void)yyjson_mut_obj_add_strcpy(payload.doc, call, "name",
						payload_get_string(accepted, "tool"));
		(void)yyjson_mut_obj_add_val(
			payload.doc, call, "arguments",
			payload_text_value(&payload, buf_string(&arguments), arguments.length));
	}
	buf_free(&arguments);
	if (r < 0)
		payload.error = r;
	if (turn_record(turn, JOURNAL_TURN_STARTED, JOURNAL_PERSON, &payload, NULL, NULL) >= 0)
		turn_advance(turn);
}

/* A compaction needs no front and no memory. */
static void prepare_compact(struct turn *turn)
{
	struct payload payload;

	payload_begin(&payload, blobs(turn));
	payload_number(&payload, "accepted", turn->accepted);
	payload_flag(&payload, "compact", true);
	if (turn_record(turn, JOURNAL_TURN_STARTED, JOURNAL_PERSON, &payload, NULL, NULL) >= 0)
		turn_advance(turn);
}

static void prepare(struct turn *turn, yyjson_val *accepted)
{
	struct buf message = BUF(PAYLOAD_TEXT_MAX);
	struct error err = { 0 };
	int r;

	if (turn->is_direct || turn->is_compact) {
		if (turn->is_compact)
			prepare_compact(turn);
		else
			prepare_direct(turn, accepted);
		return;
	}
	r = recall_message(accepted, blobs(turn), &message);
	if (r < 0)
		(void)FAIL(&err, r, "the message cannot be read back: %s", strerror(-r));
	else
		r = context_start(turn->agent, buf_string(&message), on_context, turn,
				  &turn->context, &err);
	buf_free(&message);
	if (r < 0)
		turn_end(turn, "failed", err.text);
}

void turn_prepare(struct turn *turn)
{
	struct buf payload = BUF(MESSAGE_PAYLOAD_MAX);
	struct journal_record record;
	struct error err = { 0 };
	yyjson_doc *doc = NULL;

	if (turn->context)
		return;
	if (journal_read(turn->agent->journal, turn->accepted, &payload, &record, &err) < 0) {
		agent_give_up(turn->agent, &err);
	} else {
		doc = payload_parse(record.payload, record.payload_length);
		prepare(turn, yyjson_doc_get_root(doc));
	}
	yyjson_doc_free(doc);
	buf_free(&payload);
}

static void on_text(const char *text, size_t length, void *data)
{
	struct turn *turn = data;
	struct live_event event = {
		.thread = turn->thread,
		.turn = turn->id,
		.kind = "text",
		.call = turn->progress.exchanges + 1,
		.offset = turn->text_offset,
		.text = text,
		.length = length,
	};

	turn->text_offset += length;
	turn->has_shown |= length > 0;
	subscribers_tell_live(turn->agent->subscribers, &event);
}

static void on_reasoning(const char *text, size_t length, void *data)
{
	struct turn *turn = data;
	struct live_event event = {
		.thread = turn->thread,
		.turn = turn->id,
		.kind = "reasoning",
		.call = turn->progress.exchanges + 1,
		.text = text,
		.length = length,
	};

	turn->has_shown |= length > 0;
	subscribers_tell_live(turn->agent->subscribers, &event);
}

/* A local model may take its time before the first word: the person sees what it does. */
static void on_progress(const struct exchange_progress *progress, void *data)
{
	char text[STATUS_BYTES] = "thinking";

	if (strcmp(progress->event, "waiting") == 0)
		(void)snprintf(text, sizeof(text), "waiting for the local model: it is at work");
	else if (strcmp(progress->event, "loading") == 0)
		(void)snprintf(text, sizeof(text), "loading the local model");
	else if (strcmp(progress->event, "reading") == 0)
		(void)snprintf(text, sizeof(text),
			       "the local model reads: %llu of %llu tokens, %llu s left",
			       (unsigned long long)progress->read_tokens,
			       (unsigned long long)progress->prompt_tokens,
			       (unsigned long long)progress->left_us / CLOCK_SECOND_US + 1);
	turn_say_status(data, text);
}

uint64_t turn_calls_left(const struct turn *turn)
{
	uint64_t most = turn->agent->config->max_iterations, used = turn->progress.exchanges;
	uint64_t left = most > used ? most - used : 0;
	const struct job *job = turn->thread->job;

	return job && job_calls_left(job) < left ? job_calls_left(job) : left;
}

bool turn_is_at_last_call(const struct turn *turn)
{
	return turn_calls_left(turn) <= 1;
}

static void add_calls(struct payload *payload, const struct answer *answer)
{
	yyjson_mut_val *array, *call;

	if (payload->error < 0 || answer->n_calls == 0)
		return;
	array = yyjson_mut_obj_add_arr(payload->doc, payload->root, "calls");
	for (size_t i = 0; i < answer->n_calls && payload->error == 0; i++) {
		const struct tool_call *from = &answer->calls[i];

		call = yyjson_mut_arr_add_obj(payload->doc, array);
		(void)yyjson_mut_obj_add_val(
			payload->doc, call, "id",
			payload_text_value(payload, from->id, strlen(from->id)));
		(void)yyjson_mut_obj_add_val(
			payload->doc, call, "name",
			payload_text_value(payload, from->name, strlen(from->name)));
		(void)yyjson_mut_obj_add_val(
			payload->doc, call, "arguments",
			payload_text_value(payload, from->arguments, strlen(from->arguments)));
	}
}

static void add_figures(struct payload *payload, const struct exchange_result *result)
{
	const struct exchange_figures *figures = &result->figures;

	payload_number(payload, "promptTokens", result->answer.prompt_tokens);
	payload_number(payload, "cachedTokens", result->answer.cached_tokens);
	if (result->answer.stored_tokens > 0)
		payload_number(payload, "storedTokens", result->answer.stored_tokens);
	payload_number(payload, "answerTokens", result->answer.answer_tokens);
	payload_number(payload, "headUsec", figures->head_us);
	payload_number(payload, "firstTokenUsec", figures->first_text_us);
	payload_number(payload, "durationUsec", figures->total_us);
	payload_number(payload, "bytesIn", figures->bytes_in);
	if (figures->attempts > 1)
		payload_number(payload, "attempts", figures->attempts);
	if (figures->nanodollars > 0)
		payload_number(payload, "nanodollars", figures->nanodollars);
	payload_string(payload, "warning", result->warning);
}

static int record_answer(struct turn *turn, struct exchange_result *result)
{
	struct answer *answer = &result->answer;
	struct payload payload;

	if (turn_is_at_last_call(turn))
		answer->n_calls = 0; /* no tools were offered: what it made up is not run */
	payload_begin(&payload, blobs(turn));
	payload_number(&payload, "call", turn->progress.exchanges + 1);
	payload_flag(&payload, "ok", true);
	if (answer->text)
		payload_text(&payload, "text", answer->text, strlen(answer->text));
	add_calls(&payload, answer);
	if (answer->carried && answer->n_calls > 0)
		payload_text(&payload, "carried", answer->carried, strlen(answer->carried));
	payload_string(&payload, "stop", answer_stop_name(answer->stop));
	add_figures(&payload, result);
	leak_record_exchange(&payload, &result->leaks);
	return turn_record(turn, JOURNAL_MODEL_DONE, JOURNAL_MODEL, &payload, NULL, NULL);
}

/* A conversation that is too long for the model is asked about once more, with its older turns
 * summarised. */
static int record_failure(struct turn *turn, const struct exchange_result *result)
{
	bool is_too_long = result->code == -E2BIG;
	bool goes_on = is_too_long && turn->progress.overflows == 0 && turn_can_compact(turn);
	char reason[2 * ERROR_TEXT_BYTES];
	struct payload payload;

	payload_begin(&payload, blobs(turn));
	payload_number(&payload, "call", turn->progress.exchanges + 1);
	payload_flag(&payload, "ok", false);
	payload_string(&payload, "error", result->name);
	if (goes_on)
		payload_flag(&payload, "tooLong", true);
	(void)snprintf(reason, sizeof(reason), "%s%s", result->err.text,
		       is_too_long && !goes_on
			       ? "; /compact summarises older turns, /new begins anew"
			       : ""); /* fits */
	payload_text(&payload, "reason", reason, strlen(reason));
	add_figures(&payload, result);
	leak_record_exchange(&payload, &result->leaks);
	return turn_record(turn, JOURNAL_MODEL_DONE, JOURNAL_AGENT, &payload, NULL, NULL);
}

static void on_answer(struct exchange_result *result, void *data)
{
	struct turn *turn = data;
	size_t n_calls = result->answer.n_calls;
	int r;

	turn->exchange = NULL;
	turn_release_exchange(turn);
	if (result->code == -ECONNRESET && turn->progress.attempts < ATTEMPTS_MAX) {
		turn->instead[0] = '\0'; /* this one counts */
		turn_say_status(turn, "the connection was lost; the model is asked again");
		turn_advance(turn);
		return;
	}
	if (result->code < 0 && turn_fail_over(turn, result)) {
		turn_advance(turn);
		return;
	}
	turn->instead[0] = '\0';
	r = result->code < 0 ? record_failure(turn, result) : record_answer(turn, result);
	result->answer.n_calls = n_calls;
	if (r >= 0)
		turn_advance(turn);
}

static void on_intent_durable(const struct journal_record *record, void *data)
{
	struct turn *turn = data;
	struct agent *agent = turn->agent;
	const struct provider_config *asked = &agent->chain.list[turn->provider];
	bool is_local = provider_is_local(asked);
	struct exchange_options options = {
		.event = agent->event,
		.peer = is_local ? agent->llm : agent->egress,
		.is_local = is_local,
		.format = agent_format(asked),
		.flags = turn_is_at_last_call(turn) ? PROMPT_NO_TOOLS : 0,
		.stream = asked->stream,
		.intent = record->sequence,
		.priority = turn->priority,
		.provider = turn->provider > 0 ? provider_row(asked)->name : NULL,
		.sink = { .on_text = on_text, .on_reasoning = on_reasoning, .data = turn },
		.on_progress = on_progress,
		.record = turn->record,
		.replay = turn->replay,
		.on_done = on_answer,
		.data = turn,
	};
	const struct thread *payer;
	struct error err = { 0 };

	if (turn->is_ending)
		return;
	jobs_account(turn, &payer, &options.turn);
	options.thread = payer->name;
	options.conversation = recall_conversation(turn->thread->recall);
	options.prompt = &turn->prompt;
	turn->text_offset = 0;
	turn->has_shown = false;
	if (exchange_start(&options, &turn->exchange, &err) < 0)
		turn_end(turn, "failed", err.text);
}

static void record_intent(struct turn *turn, const char *note)
{
	struct agent *agent = turn->agent;
	const struct provider_config *asked = &agent->chain.list[turn->provider];
	struct recall *recall = turn->thread->recall;
	unsigned flags = turn_is_at_last_call(turn) ? PROMPT_NO_TOOLS : 0;
	char hex[SHA256_HEX_BYTES];
	struct error err = { 0 };
	struct payload payload;
	int r = recall_join_steers(recall, turn->id, &err);

	if (note && r >= 0)
		r = recall_note(recall, note, &err);
	if (r >= 0)
		r = agent_format(asked)->prompt(recall_conversation(recall), flags, &turn->prompt,
						&err);
	if (r < 0) {
		turn_fail(turn, r, &err);
		return;
	}
	sha256_hex(turn->prompt.hash, hex);
	payload_begin(&payload, blobs(turn));
	payload_number(&payload, "call", turn->progress.exchanges + 1);
	payload_number(&payload, "attempt", turn->progress.attempts + !turn->instead[0]);
	payload_string(&payload, "model",
		       turn->provider > 0 ? provider_model(asked) : agent_model(agent));
	payload_string(&payload, "format", agent_format(asked)->name);
	if (agent->chain.n > 1)
		payload_string(&payload, "provider", provider_row(asked)->name);
	payload_string(&payload, "instead", turn->instead[0] ? turn->instead : NULL);
	payload_blob(&payload, "system", agent->front.text, strlen(agent->front.text));
	payload_number(&payload, "promptBytes", turn->prompt.length);
	payload_string(&payload, "promptHash", hex);
	payload_string(&payload, "note", note);
	if (flags & PROMPT_NO_TOOLS)
		payload_flag(&payload, "noTools", true);
	leak_record(&payload, &agent->front.leaks, "identity");
	(void)turn_record(turn, JOURNAL_MODEL_STARTED, JOURNAL_AGENT, &payload, on_intent_durable,
			  turn); /* a failure has been dealt with */
}

static const char *note_for(const struct turn *turn)
{
	uint64_t left = turn_calls_left(turn);

	if (turn->progress.attempts > 0)
		return NULL; /* it stands in the conversation already */
	if (left == 2)
		return "Only two model calls are left in this turn. Finish with what you have.";
	if (left == 1)
		return "This is the last model call of this turn. Answer now, without tools.";
	return NULL;
}

/* What it waited for has ended. */
static void on_admitted(void *data)
{
	struct turn *turn = data;

	if (turn->agent->is_stopping)
		return;
	if (recall_cache_load(turn) >= 0) /* the front may have changed meanwhile */
		record_intent(turn, note_for(turn));
}

void turn_ask(struct turn *turn)
{
	struct agent *agent = turn->agent;

	if (turn->exchange || turn->compaction || turn->place.gate)
		return;
	if (turn->progress.attempts >= ATTEMPTS_MAX && !turn->instead[0]) {
		turn_end(turn, "failed",
			 "the model call was cut off twice; it is not made a third time");
		return;
	}
	if (turn_calls_left(turn) == 0) {
		turn_end(turn, "failed", "the model calls of this job are used up");
		return;
	}
	if (turn->wants_replay && !turn->replay) {
		turn_end(turn, "failed", "the recording this turn played from is gone (restart)");
		return;
	}
	if (!agent->front.text) { /* the first turn of this process, taken up again */
		turn_prepare(turn);
		return;
	}
	if (recall_cache_load(turn) < 0)
		return; /* the turn has ended with the reason */
	if (turn->progress.phase == PHASE_READY && turn_needs_compaction(turn)) {
		turn_compact(turn);
		return;
	}
	if (gate_enter(agent->exchange_gate, &turn->place, turn->priority, on_admitted, turn))
		record_intent(turn, note_for(turn));
	else
		turn_say_status(turn, "waits for other turns' model calls (agent.exchanges_max)");
}

void turn_release_exchange(struct turn *turn)
{
	gate_leave(&turn->place);
}
