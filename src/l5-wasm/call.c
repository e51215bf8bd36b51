/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/call.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json-text.h"
#include "base/utf8.h"
#include "l5-wasm/frame.h"

#include <assert.h>
#include <inttypes.h>

/* Room for what a tool puts before it is cut, and for the note about the cut. */
enum { CONTENT_BYTES_MAX = CALL_LIMIT_BYTES_MAX + 64 * 1024, CUT_NOTE_BYTES = 96 };

static int parse_limit(sd_json_variant *request, const char *name, uint64_t min, uint64_t max,
		       uint64_t *ret, struct error *err)
{
	sd_json_variant *value = sd_json_variant_by_key(request, name);

	if (!value || !sd_json_variant_is_unsigned(value) ||
	    sd_json_variant_unsigned(value) < min || sd_json_variant_unsigned(value) > max)
		return FAIL(err, -EPROTO, "%s is not an integer from %" PRIu64 " to %" PRIu64, name,
			    min, max);
	*ret = sd_json_variant_unsigned(value);
	return 0;
}

int call_parse(const char *text, size_t length, int workspace_fd, struct call *ret,
	       struct error *err)
{
	CLEANUP(sd_json_variant_unrefp) sd_json_variant *request = NULL;
	struct call call = { .workspace_fd = workspace_fd };
	sd_json_variant *tool;
	uint64_t limit, timeout;
	int r;

	assert(text && ret);
	if (memchr(text, '\0', length))
		return FAIL(err, -EPROTO, "a request with a NUL byte");
	r = sd_json_parse(text, 0, &request, NULL, NULL);
	if (r == -ENOMEM)
		return FAIL(err, r, "no memory for a request of %zu bytes", length);
	if (r < 0 || !sd_json_variant_is_object(request))
		return FAIL(err, -EPROTO, "a request that is not a JSON object");
	tool = sd_json_variant_by_key(request, "tool");
	call.arguments = sd_json_variant_by_key(request, "arguments");
	if (!tool || !sd_json_variant_is_string(tool) || !call.arguments ||
	    !sd_json_variant_is_object(call.arguments))
		return FAIL(err, -EPROTO, "a request without a tool or arguments");
	r = parse_limit(request, "limit_bytes", CALL_LIMIT_BYTES_MIN, CALL_LIMIT_BYTES_MAX, &limit,
			err);
	if (r < 0)
		return r;
	r = parse_limit(request, "timeout_ms", 1, CALL_TIMEOUT_MS_MAX, &timeout, err);
	if (r < 0)
		return r;
	call.tool = sd_json_variant_string(tool);
	call.limit_bytes = limit;
	call.deadline_us = clock_monotonic_us() + timeout * CLOCK_MSEC_US;
	call.request = TAKE_PTR(request);
	*ret = call;
	return 0;
}

void call_fini(struct call *call)
{
	call->request = sd_json_variant_unref(call->request);
	call->arguments = NULL;
}

bool call_is_late(const struct call *call)
{
	return clock_monotonic_us() >= call->deadline_us;
}

static sd_json_variant *argument(const struct call *call, const char *name)
{
	sd_json_variant *value = sd_json_variant_by_key(call->arguments, name);

	return value && sd_json_variant_is_null(value) ? NULL : value;
}

int call_string(const struct call *call, const char *name, const char *fallback,
		struct reply *reply, const char **ret)
{
	sd_json_variant *value = argument(call, name);

	if (!value && !fallback)
		return reply_fail(reply, -EINVAL, "\"%s\" is missing", name);
	if (value && !sd_json_variant_is_string(value))
		return reply_fail(reply, -EINVAL, "\"%s\" must be a string", name);
	*ret = value ? sd_json_variant_string(value) : fallback;
	return 0;
}

int call_bool(const struct call *call, const char *name, bool fallback, struct reply *reply,
	      bool *ret)
{
	sd_json_variant *value = argument(call, name);

	if (value && !sd_json_variant_is_boolean(value))
		return reply_fail(reply, -EINVAL, "\"%s\" must be true or false", name);
	*ret = value ? sd_json_variant_boolean(value) != 0 : fallback;
	return 0;
}

int call_number(const struct call *call, const char *name, int64_t fallback, int64_t min,
		int64_t max, struct reply *reply, int64_t *ret)
{
	sd_json_variant *value = argument(call, name);
	int64_t number = fallback;

	if (value && !sd_json_variant_is_integer(value))
		return reply_fail(reply, -EINVAL, "\"%s\" must be an integer", name);
	if (value)
		number = sd_json_variant_integer(value);
	if (value && (number < min || number > max))
		return reply_fail(reply, -EINVAL,
				  "\"%s\" must be from %" PRId64 " to %" PRId64 ", not %" PRId64,
				  name, min, max, number);
	*ret = number;
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

/* A place to cut near at: behind the newline before it, when there is one in the last quarter. */
static size_t cut_at_line(const char *text, size_t at)
{
	for (size_t i = at; i > at - at / 4; i--)
		if (text[i - 1] == '\n')
			return i;
	return at;
}

static int cut_middle(struct reply *reply, size_t limit)
{
	struct buf *whole = &reply->content;
	auto_buf struct buf kept = BUF(CONTENT_BYTES_MAX);
	size_t room = limit - CUT_NOTE_BYTES, head, tail, n_cut;
	int r;

	head = cut_at_line(whole->data, utf8_cut(whole->data, whole->length, room / 2));
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
