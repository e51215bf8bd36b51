/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sse - reads a server-sent event stream from chunks of any size (L6).
 *
 * Beyond the standard, for servers that do not keep to it: a line that starts with "{" counts as
 * data, "error: …" counts as data of an event named error, and what was pending when the stream
 * ends is an event although its blank line is missing.
 *
 * Ownership  Embedded; sse_init/sse_fini. What on_event gets is borrowed until it returns.
 * Errors     -EMSGSIZE for an event over the limit, -ENOMEM, or what on_event returned.
 * Source     WHATWG HTML, section "Server-sent events".
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { SSE_EVENT_NAME_BYTES = 32 };

/* name is "" unless the stream gave one (cut to SSE_EVENT_NAME_BYTES - 1). */
typedef int (*sse_event_fn)(const char *name, const char *bytes, size_t length, void *userdata,
			    struct error *err);

struct sse {
	struct buf line;    /* a line whose end has not come yet */
	struct buf pending; /* data lines of the event so far */
	bool has_data;
	bool after_cr; /* a following LF belongs to it */
	bool started;  /* the byte order mark is behind */
	char name[SSE_EVENT_NAME_BYTES];
	sse_event_fn on_event;
	void *userdata;
};

void sse_init(struct sse *sse, size_t event_max, sse_event_fn on_event, void *userdata);
void sse_fini(struct sse *sse);
/* Bytes as they come, in pieces of any size; on_event is called for each event they end. */
must_check int sse_feed(struct sse *sse, const char *bytes, size_t length, struct error *err);
/* The stream has ended: an event without its empty line counts. */
must_check int sse_finish(struct sse *sse, struct error *err);
