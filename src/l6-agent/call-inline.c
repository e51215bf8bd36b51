/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Tools that are computed inside claw-agentd, or read what it keeps: one call is one piece of work.
 */
#include "l6-agent/call-run.h"
#include "l6-agent/job.h"
#include "l6-agent/subscribers.h"
#include "l6-agent/work-line.h"

#include <stdlib.h>
#include <string.h>

enum { RELAYED_BYTES_MAX = 32 * 1024 };

struct inline_run {
	struct call_run run;
	struct call_run_options options;
	struct work_item item;
};

static void abandon(struct call_run *call_run)
{
	struct inline_run *run = (struct inline_run *)call_run;

	work_leave(&run->item);
	free(run);
}

static bool stop(struct call_run *run)
{
	abandon(run);
	return true;
}

static const struct call_run_kind kind = { .stop = stop, .abandon = abandon };

static void compute(const struct call_run_options *options, struct call_outcome *outcome)
{
	struct error err = { 0 };
	int r;

	if (options->tool->place == TOOL_STASH) {
		call_stash_read(options, outcome);
		return;
	}
	r = tool_run_here(options->tool, options->arguments, options->agent->config->zone,
			  &outcome->content, &err);
	outcome->ok = r >= 0;
	if (r < 0)
		call_outcome_say(outcome, false, "%s", err.text);
}

/* Whoever follows the person's thread is told what a job of it has to say. */
static void relay(const struct call_run_options *options)
{
	yyjson_doc *doc = payload_parse(options->arguments, strlen(options->arguments));
	const char *content = payload_get_string(yyjson_doc_get_root(doc), "content");
	const struct thread *to = options->thread;
	struct buf text = BUF(RELAYED_BYTES_MAX);

	while (to && to->job)
		to = threads_by_id(options->agent->threads, to->job->parent);
	if (to && content && buf_printf(&text, "%s: %s", options->thread->name, content) >= 0) {
		struct live_event event = {
			.thread = to,
			.kind = "message",
			.text = buf_string(&text),
			.length = text.length,
		};

		subscribers_tell_live(options->agent->subscribers, &event);
	}
	buf_free(&text);
	yyjson_doc_free(doc);
}

static bool on_work(void *data)
{
	struct inline_run *run = data;
	struct call_outcome outcome = { .content = BUF(CALL_CONTENT_MAX),
					.meta = BUF(CALL_META_MAX) };

	compute(&run->options, &outcome);
	if (outcome.ok && run->options.thread->job &&
	    strcmp(run->options.tool->name, "message") == 0)
		relay(&run->options);
	run->options.on_done(&outcome, run->options.data);
	call_outcome_free(&outcome);
	free(run);
	return false;
}

int call_inline_start(const struct call_run_options *options, struct call_run **ret,
		      struct error *err)
{
	struct inline_run *run = calloc(1, sizeof(*run));

	if (!run)
		return FAIL(err, -ENOMEM, "out of memory");
	run->run.kind = &kind;
	run->options = *options;
	work_enter(options->agent->work, &run->item, on_work, run);
	*ret = &run->run;
	return 0;
}
