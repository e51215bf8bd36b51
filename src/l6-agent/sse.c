/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/sse.h"

#include <string.h>

void sse_init(struct sse *sse, size_t event_max, sse_event_fn on_event, void *userdata)
{
	*sse = (struct sse){ .line = BUF(event_max),
			     .pending = BUF(event_max),
			     .on_event = on_event,
			     .userdata = userdata };
}

void sse_fini(struct sse *sse)
{
	buf_free(&sse->line);
	buf_free(&sse->pending);
}

static int too_long(const struct sse *sse, int r, struct error *err)
{
	if (r == -EMSGSIZE)
		return FAIL(err, r, "one event of the answer is longer than %zu bytes",
			    sse->line.max);
	return r < 0 ? FAIL(err, r, "the answer cannot be kept: %s", strerror(-r)) : r;
}

static int dispatch(struct sse *sse, struct error *err)
{
	int r = 0;

	if (sse->has_data)
		r = sse->on_event(sse->name, buf_string(&sse->pending), sse->pending.length,
				  sse->userdata, err);
	buf_truncate(&sse->pending, 0);
	sse->has_data = false;
	sse->name[0] = '\0';
	return r;
}

static int join_line(struct sse *sse, const char *value, size_t length, struct error *err)
{
	int r = sse->has_data ? buf_add_char(&sse->pending, '\n') : 0;

	if (r >= 0)
		r = buf_add(&sse->pending, value, length);
	sse->has_data = true;
	return too_long(sse, r, err);
}

static void set_name(struct sse *sse, const char *value, size_t length)
{
	size_t n = length < sizeof(sse->name) - 1 ? length : sizeof(sse->name) - 1;

	memcpy(sse->name, value, n);
	sse->name[n] = '\0';
}

static int take_line(struct sse *sse, const char *line, size_t length, struct error *err)
{
	const char *colon = memchr(line, ':', length);
	size_t name_length = colon ? (size_t)(colon - line) : length;
	const char *value = colon ? colon + 1 : line + length;
	size_t value_length = (size_t)(line + length - value);

	if (length == 0)
		return dispatch(sse, err);
	if (line[0] == '{')
		return join_line(sse, line, length, err);
	if (value_length > 0 && *value == ' ') {
		value++;
		value_length--;
	}
	if (name_length == 4 && memcmp(line, "data", 4) == 0)
		return join_line(sse, value, value_length, err);
	if (name_length == 5 && memcmp(line, "event", 5) == 0) {
		set_name(sse, value, value_length);
		return 0;
	}
	if (name_length == 5 && memcmp(line, "error", 5) == 0) {
		set_name(sse, "error", 5);
		return join_line(sse, value, value_length, err);
	}
	return 0; /* comments, id, retry and fields nobody defined */
}

/* A whole line, of which the front may wait in sse->line. */
static int end_line(struct sse *sse, const char *bytes, size_t length, struct error *err)
{
	int r;

	if (sse->line.length > 0) {
		r = too_long(sse, buf_add(&sse->line, bytes, length), err);
		if (r < 0)
			return r;
		bytes = buf_string(&sse->line);
		length = sse->line.length;
	} else if (length > sse->line.max) { /* whole or in pieces: the limit is the same */
		return too_long(sse, -EMSGSIZE, err);
	}
	if (!sse->started && length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
		bytes += 3;
		length -= 3;
	}
	sse->started = true;
	r = take_line(sse, bytes, length, err);
	buf_truncate(&sse->line, 0);
	return r;
}

static size_t find_end(const char *bytes, size_t length)
{
	const char *lf = memchr(bytes, '\n', length);
	size_t n = lf ? (size_t)(lf - bytes) : length;
	const char *cr = memchr(bytes, '\r', n);

	return cr ? (size_t)(cr - bytes) : n;
}

int sse_feed(struct sse *sse, const char *bytes, size_t length, struct error *err)
{
	int r = 0;

	while (length > 0 && r >= 0) {
		size_t n;

		if (sse->after_cr && *bytes == '\n') {
			sse->after_cr = false;
			bytes++;
			length--;
			continue;
		}
		sse->after_cr = false;
		n = find_end(bytes, length);
		if (n == length)
			return too_long(sse, buf_add(&sse->line, bytes, length), err);
		r = end_line(sse, bytes, n, err);
		sse->after_cr = bytes[n] == '\r';
		bytes += n + 1;
		length -= n + 1;
	}
	return r;
}

int sse_finish(struct sse *sse, struct error *err)
{
	int r = sse->line.length > 0 ? end_line(sse, "", 0, err) : 0;

	return r < 0 ? r : dispatch(sse, err);
}
