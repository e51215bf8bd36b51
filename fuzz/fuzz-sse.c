/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   sse_feed(), sse_finish(): a server's event stream.
 * Property the same events and the same end come of any pieces; an event is as long as its stream
 * at most, its name has an end. Input    first byte: size of the pieces. Corpus   fuzz/corpus/sse/
 */
#include "l6-agent/sse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_MAX = 256, LOG_MAX = 8 << 20, STOP_AT = 's' };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

/* One that says "s" is not wanted: the stream ends with its error. */
static int on_event(const char *name, const char *bytes, size_t length, void *userdata,
		    struct error *err)
{
	struct buf *log = userdata;

	must(length <= EVENT_MAX && strlen(name) < SSE_EVENT_NAME_BYTES);
	must(buf_printf(log, "[%s %zu ", name, length) == 0);
	must(buf_add(log, bytes, length) == 0);
	return length == 1 && *bytes == STOP_AT ? FAIL(err, -EPROTO, "enough") : 0;
}

static int pass(const char *bytes, size_t length, size_t step, struct buf *log)
{
	struct error err = { 0 };
	struct sse sse;
	int r = 0;

	sse_init(&sse, EVENT_MAX, on_event, log);
	for (size_t at = 0; at < length && r >= 0; at += step)
		r = sse_feed(&sse, bytes + at, length - at < step ? length - at : step, &err);
	if (r >= 0)
		r = sse_finish(&sse, &err);
	must(r >= 0 || *err.text);
	sse_fini(&sse);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf struct buf whole = BUF(LOG_MAX), pieces = BUF(LOG_MAX);
	const char *bytes = (const char *)data + 1;
	int r;

	if (size < 2)
		return 0;
	r = pass(bytes, size - 1, size - 1, &whole);
	must(pass(bytes, size - 1, (size_t)data[0] + 1, &pieces) == r);
	must(strcmp(buf_string(&whole), buf_string(&pieces)) == 0 && whole.length == pieces.length);
	return 0;
}
