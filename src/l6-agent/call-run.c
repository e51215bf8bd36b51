/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/call-run.h"

#include "l6-agent/exchange-error.h"

#include <string.h>

void call_outcome_free(struct call_outcome *outcome)
{
	buf_free(&outcome->content);
	buf_free(&outcome->meta);
	free(outcome->reason);
	free(outcome->proposal);
}

void call_outcome_say(struct call_outcome *outcome, bool ok, const char *fmt, ...)
{
	va_list ap;

	if (outcome->content.max == 0)
		outcome->content = BUF(CALL_CONTENT_MAX);
	outcome->ok = ok;
	va_start(ap, fmt);
	buf_truncate(&outcome->content, 0);
	if (buf_vprintf(&outcome->content, fmt, ap) < 0)
		outcome->ok = false; /* no memory for a sentence: the call has failed either way */
	va_end(ap);
}

bool call_question_is_forgotten(struct call_run_options *options, const char *error_id)
{
	if (!error_id || strcmp(exchange_error_name(error_id), "UnknownQuestion") != 0 ||
	    options->question == 0)
		return false;
	options->question = 0;
	options->is_anew = true;
	return true;
}

int call_run_start(const struct call_run_options *options, struct call_run **ret, struct error *err)
{
	switch (options->tool->place) {
	case TOOL_CAGE:
		return call_cage_start(options, ret, err);
	case TOOL_MEMORY:
		return call_memory_start(options, ret, err);
	case TOOL_EGRESS:
		return call_fetch_start(options, ret, err);
	case TOOL_JOB:
		return call_job_start(options, ret, err);
	case TOOL_HERE:
	case TOOL_STASH:
		return call_inline_start(options, ret, err);
	}
	return FAIL(err, -EINVAL, "%s runs nowhere", options->tool->name);
}

bool call_run_stop(struct call_run *run)
{
	return run->kind->stop(run);
}

void call_run_abandon(struct call_run *run)
{
	run->kind->abandon(run);
}
