/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/progress.h"

#include "l6-agent/payload.h"
#include "l6-agent/result.h"

#include <string.h>

static const char *const via_names[] = { "agent", "egress", "fs" };
static const char *const stop_names[] = { "end", "calls", "length", "filter" };

const char *question_via_name(enum question_via via)
{
	return via_names[via];
}

const char *answer_stop_name(enum answer_stop stop)
{
	return stop_names[stop];
}

static void free_calls(struct progress *progress)
{
	for (size_t i = 0; i < progress->n_calls; i++) {
		free(progress->calls[i].call.id);
		free(progress->calls[i].call.name);
		free(progress->calls[i].call.arguments);
		free(progress->calls[i].content);
	}
	free(progress->calls);
	progress->calls = NULL;
	progress->n_calls = 0;
}

void progress_free(struct progress *progress)
{
	free_calls(progress);
	answer_free(&progress->answer);
	free(progress->text);
	free(progress->reason);
	memset(progress, 0, sizeof(*progress));
}

bool progress_calls_are_done(const struct progress *progress)
{
	for (size_t i = 0; i < progress->n_calls; i++)
		if (progress->calls[i].phase != CALL_DONE)
			return false;
	return true;
}

static int load_text(yyjson_val *value, struct blob_store *blobs, char **ret)
{
	struct buf text = BUF(PAYLOAD_TEXT_MAX);
	int r = value ? payload_value_text(value, blobs, &text) : 0;

	if (r < 0) {
		buf_free(&text);
		return r;
	}
	free(*ret);
	*ret = value ? buf_take(&text) : NULL;
	if (value && !*ret)
		*ret = strdup("");
	return value && !*ret ? -ENOMEM : 0;
}

static int copy_string(const char *text, char **ret)
{
	*ret = strdup(text ? text : "");
	return *ret ? 0 : -ENOMEM;
}

static int load_call(yyjson_val *value, struct blob_store *blobs, struct turn_call *ret)
{
	int r = copy_string(payload_get_string(value, "id"), &ret->call.id);

	if (r >= 0)
		r = copy_string(payload_get_string(value, "name"), &ret->call.name);
	if (r >= 0)
		r = load_text(yyjson_obj_get(value, "arguments"), blobs, &ret->call.arguments);
	if (r >= 0 && !ret->call.arguments)
		r = copy_string("", &ret->call.arguments);
	return r;
}

static int load_calls(struct progress *progress, yyjson_val *array, struct blob_store *blobs)
{
	size_t n = yyjson_arr_size(array), i, max;
	yyjson_val *value;
	int r = 0;

	free_calls(progress);
	if (n == 0)
		return 0;
	progress->calls = calloc(n, sizeof(*progress->calls));
	if (!progress->calls)
		return -ENOMEM;
	progress->n_calls = n;
	yyjson_arr_foreach(array, i, max, value)
	{
		if (r >= 0)
			r = load_call(value, blobs, &progress->calls[i]);
	}
	return r;
}

/* An answer that did not end by itself is still one, and the person is told. */
static int note_stop(struct progress *progress, const char *stop)
{
	const char *reason = NULL;

	if (stop && strcmp(stop, stop_names[ANSWER_STOP_LENGTH]) == 0)
		reason = "the answer was cut at the model's length limit";
	if (stop && strcmp(stop, stop_names[ANSWER_STOP_FILTER]) == 0)
		reason = "the provider's filter stopped the answer";
	free(progress->reason);
	progress->reason = reason ? strdup(reason) : NULL;
	return reason && !progress->reason ? -ENOMEM : 0;
}

static int on_model_done(struct progress *progress, yyjson_val *payload, struct blob_store *blobs)
{
	int r;

	progress->exchanges++;
	progress->attempts = 0;
	if (payload_get_flag(payload, "tooLong")) { /* the older turns are summarised first */
		progress->phase = PHASE_READY;
		progress->is_too_long = true;
		progress->overflows++;
		return 0;
	}
	if (!payload_get_flag(payload, "ok")) {
		progress->phase = PHASE_FAILED;
		return load_text(yyjson_obj_get(payload, "reason"), blobs, &progress->reason);
	}
	answer_free(&progress->answer);
	r = load_text(yyjson_obj_get(payload, "text"), blobs, &progress->answer.text);
	if (r >= 0)
		r = load_text(yyjson_obj_get(payload, "carried"), blobs, &progress->answer.carried);
	if (r >= 0)
		r = load_calls(progress, yyjson_obj_get(payload, "calls"), blobs);
	if (r < 0)
		return r;
	if (progress->n_calls > 0) {
		progress->iterations++;
		progress->phase = PHASE_CALLING;
		return 0;
	}
	if (progress->steers > 0) { /* said while it answered: the turn goes on with them */
		progress->phase = PHASE_READY;
		return 0;
	}
	progress->phase = PHASE_ANSWERED;
	r = note_stop(progress, payload_get_string(payload, "stop"));
	return r < 0 ? r : load_text(yyjson_obj_get(payload, "text"), blobs, &progress->text);
}

static int on_turn_started(struct progress *progress, const struct journal_record *record,
			   yyjson_val *payload, struct blob_store *blobs)
{
	yyjson_val *calls = yyjson_obj_get(payload, "calls");
	unsigned steers = progress->turn == record->turn ? progress->steers : 0;

	progress_free(progress);
	progress->turn = record->turn;
	progress->steers = steers;
	progress->started_us = record->time_us;
	progress->is_direct = calls != NULL;
	progress->phase = calls ? PHASE_CALLING : PHASE_READY;
	progress->is_compact = payload_get_flag(payload, "compact");
	if (progress->is_compact)
		progress->phase = PHASE_COMPACTING;
	return calls ? load_calls(progress, calls, blobs) : 0;
}

static enum question_via parse_via(const char *name)
{
	for (unsigned i = 0; i < sizeof(via_names) / sizeof(via_names[0]); i++)
		if (name && strcmp(via_names[i], name) == 0)
			return i;
	return VIA_AGENT;
}

static void add_to_loop(const struct progress *progress, struct loop_watch *watch, size_t index,
			bool ok, const char *result)
{
	const struct turn_call *call = &progress->calls[index];
	const struct loop_call done = {
		.tool = call->call.name,
		.arguments = call->call.arguments,
		.result = result ? result : "",
		.ok = ok,
		.exchange = progress->exchanges,
	};

	loop_watch_add(watch, &done);
}

int progress_tell_loop(const struct progress *progress, size_t index, bool ok, const char *result,
		       struct buf *out)
{
	struct loop_watch watch = progress->loop;

	if (progress->is_direct)
		return 0; /* the person calls */
	add_to_loop(progress, &watch, index, ok, result);
	return loop_watch_tell(&watch, out);
}

/* The words of the result, or the name of its blob. */
static const char *result_part(yyjson_val *payload)
{
	yyjson_val *part = yyjson_obj_get(payload, "result");

	return yyjson_is_str(part) ? yyjson_get_str(part) : payload_get_string(part, "blob");
}

static int on_tool_done(struct progress *progress, struct turn_call *call,
			const struct journal_record *record, yyjson_val *payload,
			struct blob_store *blobs)
{
	struct buf whole = BUF(PAYLOAD_TEXT_MAX), shown = BUF(PAYLOAD_TEXT_MAX);
	uint64_t limit = payload_get_number(payload, "limit");
	int r = payload_get_text(payload, "result", blobs, &whole);

	if (r >= 0)
		r = result_show(buf_string(&whole), whole.length,
				limit < RESULT_LIMIT_MIN ? RESULT_LIMIT_MIN : limit,
				record->sequence, &shown);
	if (r >= 0)
		r = result_add_told(&shown, payload_get_string(payload, "told"));
	buf_free(&whole);
	if (r >= 0) {
		free(call->content);
		call->content = shown.length ? buf_take(&shown) : strdup("");
		r = call->content ? 0 : -ENOMEM;
	}
	buf_free(&shown);
	if (r < 0)
		return r;
	call->ok = payload_get_flag(payload, "ok");
	add_to_loop(progress, &progress->loop, (size_t)(call - progress->calls), call->ok,
		    result_part(payload));
	progress->is_refused |= payload_get_flag(payload, "denied");
	call->result = record->sequence;
	call->phase = CALL_DONE;
	progress->tool_calls++;
	if (progress_calls_are_done(progress))
		progress->phase = progress->is_direct ? PHASE_ANSWERED : PHASE_READY;
	if (progress->is_direct)
		return load_text(yyjson_obj_get(payload, "result"), blobs, &progress->text);
	return 0;
}

static int on_call_record(struct progress *progress, const struct journal_record *record,
			  yyjson_val *payload, struct blob_store *blobs, struct error *err)
{
	uint64_t index = payload_get_number(payload, "call");
	struct turn_call *call;

	if (index >= progress->n_calls)
		return FAIL(err, -EBADMSG, "record %llu speaks of a tool call that is not open",
			    (unsigned long long)record->sequence);
	call = &progress->calls[index];
	switch (record->kind) {
	case JOURNAL_TOOL_STARTED:
		call->phase = CALL_STARTED;
		if (call->starts++ == 0) {
			call->first_intent = record->sequence;
			call->first_intent_time_us = record->time_us;
		}
		return 0;
	case JOURNAL_QUESTION:
		call->phase = CALL_ASKED;
		call->question = record->sequence;
		call->question_there = payload_get_number(payload, "question");
		call->deadline_us = payload_get_number(payload, "deadlineUsec");
		call->timeout_us = payload_get_number(payload, "timeoutUsec");
		call->ends_us = 0;
		call->via = parse_via(payload_get_string(payload, "via"));
		call->is_repeat = payload_get_flag(payload, "repeat");
		return 0;
	case JOURNAL_DECISION:
		call->is_answered = payload_get_flag(payload, "allow");
		call->phase = call->is_answered ? CALL_ALLOWED : CALL_REFUSED;
		return 0;
	default:
		return on_tool_done(progress, call, record, payload, blobs);
	}
}

/* One that was asked for has its summary as its answer. */
static int on_compacted(struct progress *progress, yyjson_val *payload, struct blob_store *blobs)
{
	bool ok = payload_get_flag(payload, "ok");

	progress->compact_attempts = 0;
	progress->is_uncompactable |= !ok;
	if (!ok && (progress->is_compact || progress->is_too_long)) {
		progress->phase = PHASE_FAILED;
		return load_text(yyjson_obj_get(payload, "reason"), blobs, &progress->reason);
	}
	progress->is_too_long = false;
	progress->phase = progress->is_compact ? PHASE_ANSWERED : PHASE_READY;
	return progress->is_compact
		       ? load_text(yyjson_obj_get(payload, "summary"), blobs, &progress->text)
		       : 0;
}

int progress_apply(struct progress *progress, const struct journal_record *record,
		   yyjson_val *payload, struct blob_store *blobs, struct error *err)
{
	int r = 0;

	if (record->kind == JOURNAL_TURN_STARTED)
		r = on_turn_started(progress, record, payload, blobs);
	if (record->kind == JOURNAL_TURN_STARTED || record->turn != progress->turn)
		return r < 0 ? FAIL(err, r, "a turn cannot be read: %s", strerror(-r)) : 0;
	switch (record->kind) {
	case JOURNAL_MODEL_STARTED:
		progress->phase = PHASE_ASKING;
		if (!payload_get_string(payload, "instead")) /* it was not cut off */
			progress->attempts++;
		progress->steers = 0;
		break;
	case JOURNAL_STEER:
		progress->steers++;
		break;
	case JOURNAL_COMPACT_STARTED:
		progress->phase = PHASE_COMPACTING;
		progress->compact_attempts++;
		break;
	case JOURNAL_COMPACTED:
		r = on_compacted(progress, payload, blobs);
		break;
	case JOURNAL_MODEL_DONE:
		r = on_model_done(progress, payload, blobs);
		break;
	case JOURNAL_TOOL_STARTED:
	case JOURNAL_TOOL_DONE:
	case JOURNAL_QUESTION:
	case JOURNAL_DECISION:
		r = on_call_record(progress, record, payload, blobs, err);
		if (r == -EBADMSG)
			return r;
		break;
	case JOURNAL_ANSWER:
		progress->is_answer_given = true;
		break;
	case JOURNAL_TURN_DONE:
		progress->phase = PHASE_OVER;
		break;
	case JOURNAL_TURN_STARTED:
	case JOURNAL_THREAD_NEW:
	case JOURNAL_ACCEPTED:
	case JOURNAL_HEAD:
	case JOURNAL_KIND_END:
		break;
	}
	return r < 0 ? FAIL(err, r, "a record cannot be read: %s", strerror(-r)) : 0;
}
