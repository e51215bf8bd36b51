/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * call-frame - the frames between claw-agentd and claw-toolwork, agentd's side (L6).
 *
 * Pure: bytes in, a reply out. The other side is not trusted: whatever breaks spec/toolwork.md is
 * FRAME_BROKEN and ends the conversation.
 *
 * Source     spec/toolwork.md
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_HEADER_BYTES = 8,
	FRAME_REPLY_MAX = 1024 * 1024,
	FRAME_BODY_MAX = 64 * 1024,
	FRAME_INLINE_MAX = 65536, /* content inside the reply */
};

/* Appends a request frame. arguments is a JSON object's text. */
must_check int call_frame_request(struct buf *out, const char *tool, const char *arguments,
				  size_t limit_bytes, uint64_t timeout_ms);

struct call_reply {
	struct buf bytes;   /* not yet consumed */
	struct buf content; /* what came so far */
	struct buf meta;    /* members of meta, without braces */
	size_t content_max; /* as asked for with limit_bytes */
	size_t body_left;
	bool has_reply, ok;
};

enum call_frame_state { FRAME_MORE, FRAME_DONE, FRAME_BROKEN };

void call_reply_init(struct call_reply *reply, size_t content_max);
void call_reply_free(struct call_reply *reply);

/* Takes bytes from the stream. FRAME_DONE: ok, content and meta hold the reply. */
enum call_frame_state call_reply_feed(struct call_reply *reply, const char *bytes, size_t length);
