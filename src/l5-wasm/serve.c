/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/serve.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l5-wasm/call.h"
#include "l5-wasm/frame.h"

static const struct {
	const char *name;
	tool_fn run;
} tools[] = {
	{ "apply_patch", tool_apply_patch },
	{ "glob", tool_glob },
	{ "grep", tool_grep },
	{ "list_dir", tool_list_dir },
	{ "read_file", tool_read_file },
	{ "shell", tool_shell },
	{ "write_file", tool_write_file },
};

static int run_tool(const struct call *call, struct reply *reply)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (strcmp(call->tool, tools[i].name) == 0)
			return tools[i].run(call, reply);
	return reply_fail(reply, -ENOENT, "there is no tool \"%s\" here", call->tool);
}

static int send_reply(int stream_fd, const struct reply *reply, bool ok, uint64_t wall_us)
{
	auto_buf struct buf frame = BUF(FRAME_REPLY_BYTES_MAX);
	const struct buf *content = &reply->content;
	int r = reply_encode(reply, ok, wall_us, &frame);

	if (r == 0)
		r = frame_write(stream_fd, FRAME_REPLY, frame.data, frame.length);
	if (content->length <= FRAME_BODY_BYTES_MAX)
		return r;
	for (size_t at = 0; r == 0 && at < content->length; at += FRAME_BODY_BYTES_MAX) {
		size_t left = content->length - at;

		r = frame_write(stream_fd, FRAME_BODY, content->data + at,
				left < FRAME_BODY_BYTES_MAX ? left : FRAME_BODY_BYTES_MAX);
	}
	return r;
}

static int serve_one(int stream_fd, const struct buf *request, int workspace_fd, struct error *err)
{
	CLEANUP(call_fini) struct call call = { 0 };
	CLEANUP(reply_fini) struct reply reply = { 0 };
	uint64_t start_us = clock_monotonic_us();
	int r = call_parse(request->data, request->length, workspace_fd, &call, err), ran;

	if (r < 0)
		return r;
	reply_init(&reply);
	ran = run_tool(&call, &reply);
	if (ran < 0 && reply.content.length == 0)
		(void)reply_fail(&reply, ran, "%s failed: %s", call.tool, strerror(-ran));
	r = reply_fit(&reply, call.limit_bytes);
	if (r == 0)
		r = send_reply(stream_fd, &reply, ran == 0, clock_monotonic_us() - start_us);
	return r < 0 ? FAIL(err, r, "cannot send a reply: %s", strerror(-r)) : 0;
}

int serve(int stream_fd, int workspace_fd, struct error *err)
{
	auto_buf struct buf request = BUF(FRAME_REQUEST_BYTES_MAX);

	for (;;) {
		enum frame_outcome outcome;
		enum frame_kind kind;
		int r = frame_read(stream_fd, &kind, &request, &outcome, err);

		if (r < 0 || outcome == FRAME_END_OF_STREAM)
			return r;
		if (kind != FRAME_REQUEST)
			return FAIL(err, -EPROTO, "a frame that is no request");
		r = serve_one(stream_fd, &request, workspace_fd, err);
		if (r < 0)
			return r;
	}
}
