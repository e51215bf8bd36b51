/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The memory_* tools: calls of clawfsd. A write is known there by its intent, so a call that was
 * cut off is made again and happens once.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/call-run.h"
#include "l6-agent/memory-tools.h"
#include "l6-agent/peer.h"
#include "l6-agent/zone.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum { AUTHOR_BYTES = 32, DATE_BYTES = 16 };

struct memory_run {
	struct call_run run;
	struct call_run_options options;
	struct memory_call memory;
	struct peer_call *call;
};

static void free_run(struct memory_run *run)
{
	peer_call_cancel(run->call);
	memory_call_free(&run->memory);
	free(run);
}

static void abandon(struct call_run *run)
{
	free_run((struct memory_run *)run);
}

static bool stop(struct call_run *run)
{
	abandon(run);
	return true;
}

static const struct call_run_kind kind = { .stop = stop, .abandon = abandon };

static int begin(struct memory_run *run, struct error *err);

static bool is_cut_off(const char *error_id)
{
	return error_id && (strcmp(error_id, SD_VARLINK_ERROR_TIMEOUT) == 0 ||
			    strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0);
}

static void on_reply(struct peer_call *call, const char *error_id, sd_json_variant *reply,
		     bool is_final, void *data)
{
	struct memory_run *run = data;
	struct call_outcome outcome = { .content = BUF(CALL_CONTENT_MAX), .via = VIA_FS };
	struct memory_result result = { .outcome = MEMORY_FAILED };
	auto_fd int fd = peer_call_take_fd(call, 0);
	struct error err = { 0 };
	int r;

	(void)is_final;
	run->call = NULL;
	if (call_question_is_forgotten(&run->options, error_id) && begin(run, NULL) >= 0)
		return;
	r = memory_reply_format(&run->memory, error_id, reply, fd, &outcome.content, &result, &err);
	outcome.ok = r >= 0 && result.outcome == MEMORY_DONE;
	outcome.labels = result.labels;
	if (r < 0)
		call_outcome_say(&outcome, false, "%s", err.text);
	else if (result.outcome == MEMORY_ASK)
		outcome.end = CALL_END_ASK;
	else if (is_cut_off(error_id) && run->options.tool->effect != TOOL_READ)
		outcome.end = CALL_END_UNKNOWN;
	outcome.question = (uint64_t)result.question;
	outcome.is_anew = run->options.is_anew;
	run->options.on_done(&outcome, run->options.data);
	call_outcome_free(&outcome);
	free_run(run);
}

/* The moment of the intent, so that a repetition writes the same line to the same day. */
static int make_call(const struct call_run_options *options, struct memory_call *ret,
		     struct error *err)
{
	time_t seconds = (time_t)(options->intent_time_us / CLOCK_SECOND_US);
	char author[AUTHOR_BYTES], date[DATE_BYTES], hour[DATE_BYTES];
	struct label_set labels = { 0 };
	struct memory_intent intent = { .author = author,
					.date = date,
					.time = hour,
					.question = (int64_t)options->question,
					.labels = &labels };
	const struct zone_type *type;
	struct zone zone;
	struct tm parts;
	int r = zone_read(options->agent->config->zone, &zone, err);

	if (r < 0)
		return r;
	if (!options->is_persons)
		label_set_add_text(&labels, options->thread->labels);
	type = zone_at(&zone, seconds);
	seconds += type->offset_s;
	(void)snprintf(author, sizeof(author), "tool:%" PRIu64, options->intent); /* fits */
	if (!gmtime_r(&seconds, &parts) || strftime(date, sizeof(date), "%Y-%m-%d", &parts) == 0 ||
	    strftime(hour, sizeof(hour), "%H:%M", &parts) == 0)
		return FAIL(err, -ERANGE, "the time of the call is no date");
	return memory_call_make(options->tool->name, options->arguments, &intent, ret, err);
}

static int begin(struct memory_run *run, struct error *err)
{
	struct peer_call_options call = {
		.repeatable = true,
		.priority = run->options.priority,
		.timeout_us = PEER_FS_ANSWER_S * CLOCK_SECOND_US,
		.on_reply = on_reply,
		.data = run,
	};
	int r;

	memory_call_free(&run->memory);
	r = make_call(&run->options, &run->memory, err);
	if (r < 0)
		return r;
	call.method = run->memory.method;
	call.parameters = run->memory.parameters;
	call.fds[0] = run->memory.content_fd;
	call.n_fds = run->memory.content_fd >= 0 ? 1 : 0;
	return peer_call_start(run->options.agent->fs, &call, &run->call, err);
}

int call_memory_start(const struct call_run_options *options, struct call_run **ret,
		      struct error *err)
{
	struct memory_run *run = calloc(1, sizeof(*run));
	int r;

	if (!run)
		return FAIL(err, -ENOMEM, "out of memory");
	run->run.kind = &kind;
	run->options = *options;
	run->memory.content_fd = -1;
	r = begin(run, err);
	if (r < 0) {
		free_run(run);
		return r;
	}
	*ret = &run->run;
	return 0;
}
