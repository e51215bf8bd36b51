/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/call.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json-text.h"
#include "base/utf8.h"
#include "l5-wasm/capture.h"
#include "l5-wasm/frame.h"

#include <assert.h>
#include <inttypes.h>

/* Room for what a tool puts before it is cut, and for the note about the cut. */
enum { CONTENT_BYTES_MAX = CALL_LIMIT_BYTES_MAX + 64 * 1024, CUT_NOTE_BYTES = 96 };

static int parse_limit(const struct json_tree *request, const char *name, int64_t min, int64_t max,
		       uint64_t *ret, struct error *err)
{
	const struct json_value *value = json_member(request, &request->values[0], name);

	if (!value || value->type != JSON_INTEGER || value->integer < min || value->integer > max)
		return FAIL(err, -EPROTO, "%s is not an integer from %" PRId64 " to %" PRId64, name,
			    min, max);
	*ret = (uint64_t)value->integer;
	return 0;
}

static int fill(struct call *call, struct error *err)
{
	const struct json_tree *request = &call->request;
	const struct json_value *tool = json_member(request, &request->values[0], "tool");
	uint64_t limit = 0, timeout = 0;
	int r;

	call->arguments = json_member(request, &request->values[0], "arguments");
	if (!tool || tool->type != JSON_STRING || !call->arguments ||
	    call->arguments->type != JSON_OBJECT)
		return FAIL(err, -EPROTO, "a request without a tool or arguments");
	r = parse_limit(request, "limit_bytes", CALL_LIMIT_BYTES_MIN, CALL_LIMIT_BYTES_MAX, &limit,
			err);
	if (r == 0)
		r = parse_limit(request, "timeout_ms", 1, CALL_TIMEOUT_MS_MAX, &timeout, err);
	if (r < 0)
		return r;
	call->tool = json_string(request, tool);
	call->limit_bytes = limit;
	call->deadline_us = clock_monotonic_us() + timeout * CLOCK_MSEC_US;
	return 0;
}

int call_parse(const char *text, size_t length, int workspace_fd, struct call *ret,
	       struct error *err)
{
	struct call call = { .workspace_fd = workspace_fd };
	int r = json_read(text, length, &call.request);

	assert(ret);
	if (r == -ENOMEM)
		return FAIL(err, r, "no memory for a request of %zu bytes", length);
	if (r < 0)
		return FAIL(err, -EPROTO,
			    "a request that is not JSON, or too deep or with too much in it");
	r = fill(&call, err);
	if (r < 0)
		call_fini(&call);
	else
		*ret = call;
	return r;
}

void call_fini(struct call *call)
{
	json_tree_fini(&call->request);
	call->arguments = NULL;
}

bool call_is_late(const struct call *call)
{
	return clock_monotonic_us() >= call->deadline_us;
}

static const struct json_value *argument(const struct call *call, const char *name)
{
	const struct json_value *value = json_member(&call->request, call->arguments, name);

	return value && value->type == JSON_NULL ? NULL : value;
}

int call_string(const struct call *call, const char *name, const char *fallback,
		struct reply *reply, const char **ret)
{
	const struct json_value *value = argument(call, name);

	if (!value && !fallback)
		return reply_fail(reply, -EINVAL, "\"%s\" is missing", name);
	if (value && value->type != JSON_STRING)
		return reply_fail(reply, -EINVAL, "\"%s\" must be a string", name);
	*ret = value ? json_string(&call->request, value) : fallback;
	return 0;
}

int call_bool(const struct call *call, const char *name, bool fallback, struct reply *reply,
	      bool *ret)
{
	const struct json_value *value = argument(call, name);

	if (value && value->type != JSON_BOOLEAN)
		return reply_fail(reply, -EINVAL, "\"%s\" must be true or false", name);
	*ret = value ? value->integer != 0 : fallback;
	return 0;
}

int call_number(const struct call *call, const char *name, int64_t fallback, int64_t min,
		int64_t max, struct reply *reply, int64_t *ret)
{
	const struct json_value *value = argument(call, name);

	if (value && value->type != JSON_INTEGER)
		return reply_fail(reply, -EINVAL, "\"%s\" must be an integer", name);
	if (value && (value->integer < min || value->integer > max))
		return reply_fail(reply, -EINVAL,
				  "\"%s\" must be from %" PRId64 " to %" PRId64 ", not %" PRId64,
				  name, min, max, value->integer);
	*ret = value ? value->integer : fallback;
	return 0;
}

void reply_init(struct reply *reply)
{
	*reply = (struct reply){
		.files = -1,
		.first_line = -1,
		.last_line = -1,
		.lines = -1,
		.bytes = -1,
		.matches = -1,
		.exit_status = -1,
		.signal_number = -1,
		.stdout_bytes = -1,
		.stderr_bytes = -1,
		.content = BUF(CONTENT_BYTES_MAX),
	};
}

void reply_fini(struct reply *reply)
{
	buf_free(&reply->content);
}

int reply_fail(struct reply *reply, int code, const char *fmt, ...)
{
	va_list ap;

	buf_truncate(&reply->content, 0);
	va_start(ap, fmt);
	if (buf_vprintf(&reply->content, fmt, ap) < 0)
		buf_truncate(&reply->content, 0); /* the caller then has the code only */
	va_end(ap);
	return code;
}

static int cut_middle(struct reply *reply, size_t limit)
{
	struct buf *whole = &reply->content;
	auto_buf struct buf kept = BUF(CONTENT_BYTES_MAX);
	size_t room = limit - CUT_NOTE_BYTES, head, tail, n_cut;
	int r;

	head = capture_head_end(whole->data, utf8_cut(whole->data, whole->length, room / 2));
	tail = whole->length - room / 2;
	while (tail < whole->length && ((unsigned char)whole->data[tail] & 0xC0) == 0x80)
		tail++;
	n_cut = tail - head;
	r = buf_add(&kept, whole->data, head);
	if (r == 0)
		r = buf_printf(&kept, "%s[… %zu bytes left out …]\n",
			       head > 0 && whole->data[head - 1] == '\n' ? "" : "\n", n_cut);
	if (r == 0)
		r = buf_add(&kept, whole->data + tail, whole->length - tail);
	if (r < 0)
		return r;
	buf_free(whole);
	*whole = kept;
	kept = BUF(1);
	reply->cut = true;
	return 0;
}

int reply_fit(struct reply *reply, size_t limit)
{
	struct buf *content = &reply->content;
	auto_buf struct buf repaired = BUF(3 * (size_t)CONTENT_BYTES_MAX);
	int r = 0;

	for (size_t i = 0; i < content->length; i++)
		if (content->data[i] == '\0')
			content->data[i] = '\xFF'; /* no UTF-8: becomes U+FFFD below */
	if (!utf8_is_valid(content->data, content->length)) {
		r = utf8_add_repaired(&repaired, content->data, content->length);
		if (r < 0)
			return r;
		buf_free(content);
		*content = repaired;
		repaired = BUF(1);
	}
	return content->length > limit ? cut_middle(reply, limit) : 0;
}

static int put_meta(const struct reply *reply, uint64_t wall_us, struct buf *frame)
{
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{ "files", reply->files },
		{ "firstLine", reply->first_line },
		{ "lastLine", reply->last_line },
		{ "lines", reply->lines },
		{ "bytes", reply->bytes },
		{ "matches", reply->matches },
		{ "exit", reply->exit_status },
		{ "signal", reply->signal_number },
		{ "stdoutBytes", reply->stdout_bytes },
		{ "stderrBytes", reply->stderr_bytes },
	};
	int r = buf_printf(frame, "\"meta\":{\"wallUsec\":%" PRIu64 "%s%s", wall_us,
			   reply->cut ? ",\"cut\":true" : "",
			   reply->timed_out ? ",\"timedOut\":true" : "");

	for (size_t i = 0; r == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i].value >= 0)
			r = buf_printf(frame, ",\"%s\":%" PRId64, numbers[i].name,
				       numbers[i].value);
	return r < 0 ? r : buf_add(frame, "}}", 2);
}

int reply_encode(const struct reply *reply, bool ok, uint64_t wall_us, struct buf *frame)
{
	int r = buf_printf(frame, "{\"ok\":%s,", ok ? "true" : "false");

	if (r < 0)
		return r;
	if (reply->content.length > FRAME_BODY_BYTES_MAX) {
		r = buf_printf(frame, "\"contentBytes\":%zu,", reply->content.length);
	} else {
		r = buf_add_string(frame, "\"content\":");
		if (r == 0)
			r = json_text_string(frame, buf_string(&reply->content));
		if (r == 0)
			r = buf_add_char(frame, ',');
	}
	return r < 0 ? r : put_meta(reply, wall_us, frame);
}
