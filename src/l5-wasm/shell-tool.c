/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * shell-tool - the tool shell (L5): a command's outputs and how it ended, as text for a model.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "l5-wasm/run.h"
#include "l5-wasm/workspace.h"

#include <inttypes.h>

enum {
	TIMEOUT_DEFAULT_S = 120,
	TIMEOUT_MAX_S = 3600,
	NOTES_BYTES = 512,        /* of the limit, for what stands around the outputs */
	SIGNAL_STATUS_BASE = 128, /* how bash reports a program that a signal ended */
};

static int put_stream(const struct capture *capture, const char *title, size_t max,
		      struct reply *reply)
{
	struct buf *content = &reply->content;
	bool cut = false;
	int r = 0;

	if (capture->total == 0)
		return 0;
	if (title)
		r = buf_printf(content, "%s\n", title);
	if (r == 0)
		r = capture_put(capture, max, content, &cut);
	reply->cut |= cut;
	if (r == 0 && content->data[content->length - 1] != '\n')
		r = buf_add_char(content, '\n');
	return r;
}

/* Both in full when they fit; else each gets at least half of the room. */
static int put_streams(const struct call *call, const struct run_result *result,
		       struct reply *reply)
{
	size_t room = call->limit_bytes - NOTES_BYTES;
	size_t out = capture_length(&result->out), err = capture_length(&result->err);
	int r;

	if (out + err > room && err > room / 2)
		err = out < room / 2 ? room - out : room / 2;
	if (out + err > room)
		out = room - err;
	r = put_stream(&result->out, NULL, out, reply);
	return r < 0 ? r : put_stream(&result->err, "[stderr]", err, reply);
}

static int put_end(const struct run_result *result, uint64_t timeout_s, struct reply *reply)
{
	struct buf *content = &reply->content;
	bool silent = content->length == 0;
	int status = result->status;

	switch (result->end) {
	case RUN_TIMED_OUT:
		return buf_printf(content,
				  "[timed out after %" PRIu64 " s: the command and everything it "
				  "started was killed%s. A larger timeout, or a smaller step, may "
				  "help]",
				  timeout_s, silent ? "; it had written nothing" : "");
	case RUN_SIGNALLED:
		return buf_printf(content, "[ended by signal %d (%s)]", status,
				  sigdescr_np(status) ? sigdescr_np(status) : "unknown");
	case RUN_EXITED:
		break;
	}
	if (status > SIGNAL_STATUS_BASE && sigdescr_np(status - SIGNAL_STATUS_BASE))
		return buf_printf(content, "[exit status %d: ended by signal %d (%s)]", status,
				  status - SIGNAL_STATUS_BASE,
				  sigdescr_np(status - SIGNAL_STATUS_BASE));
	if (status != 0)
		return buf_printf(content, "[exit status %d]", status);
	return silent ? buf_add_string(content, "[no output, exit status 0]") : 0;
}

static int put_result(const struct call *call, const struct run_result *result, uint64_t timeout_s,
		      struct reply *reply)
{
	int r = put_streams(call, result, reply);

	if (r == 0)
		r = put_end(result, timeout_s, reply);
	if (r < 0)
		return r;
	reply->timed_out = result->end == RUN_TIMED_OUT;
	if (result->end == RUN_EXITED)
		reply->exit_status = result->status;
	else
		reply->signal_number = result->status;
	reply->stdout_bytes = (int64_t)result->out.total;
	reply->stderr_bytes = (int64_t)result->err.total;
	return result->end == RUN_TIMED_OUT ? -ETIMEDOUT : 0;
}

int tool_shell(const struct call *call, struct reply *reply)
{
	CLEANUP(run_result_fini) struct run_result result = { 0 };
	uint64_t now_us = clock_monotonic_us(), deadline_us;
	const char *command, *workdir;
	struct workspace_path path;
	auto_fd int directory = -1;
	int64_t timeout_s;
	int r = call_string(call, "command", NULL, reply, &command);

	if (r == 0)
		r = call_string(call, "workdir", ".", reply, &workdir);
	if (r == 0)
		r = call_number(call, "timeout", TIMEOUT_DEFAULT_S, 1, TIMEOUT_MAX_S, reply,
				&timeout_s);
	if (r == 0)
		r = workspace_path(call, workdir, reply, &path);
	if (r != 0)
		return r;
	if (command[strspn(command, " \t\r\n")] == '\0')
		return reply_fail(reply, -EINVAL, "the command is empty");
	directory = workspace_open_dir(call, path.text, reply);
	if (directory < 0)
		return directory;
	deadline_us = now_us + (uint64_t)timeout_s * CLOCK_SECOND_US;
	if (deadline_us > call->deadline_us)
		deadline_us = call->deadline_us;
	run_result_init(&result);
	r = run_command(command, directory, deadline_us, &result);
	if (r < 0)
		return reply_fail(reply, r, "the command could not be started: %s", strerror(-r));
	return put_result(call, &result, (deadline_us - now_us) / CLOCK_SECOND_US, reply);
}
