/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   call_reply_feed() Property the first byte says in how large pieces the rest comes, and
 * the outcome does not depend on it; content is never longer than was asked for. Corpus
 * fuzz/corpus/call-reply/
 */
#include "l6-agent/call-frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTENT_MAX = 70000 };

static enum call_frame_state feed(struct call_reply *reply, const char *bytes, size_t size,
				  size_t piece)
{
	enum call_frame_state state = FRAME_MORE;

	call_reply_init(reply, CONTENT_MAX);
	for (size_t at = 0; at < size && state == FRAME_MORE; at += piece)
		state = call_reply_feed(reply, bytes + at, size - at < piece ? size - at : piece);
	return state;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct call_reply whole, pieces;
	enum call_frame_state one, two;

	if (size < 1)
		return 0;
	one = feed(&whole, (const char *)data + 1, size - 1, size);
	two = feed(&pieces, (const char *)data + 1, size - 1, (size_t)data[0] + 1);
	if (whole.content.length > CONTENT_MAX)
		abort();
	/* bytes behind a reply are seen only when they come with it */
	if (one != two && !(one == FRAME_BROKEN && two == FRAME_DONE))
		abort();
	if (one == FRAME_DONE &&
	    strcmp(buf_string(&whole.content), buf_string(&pieces.content)) != 0)
		abort();
	call_reply_free(&whole);
	call_reply_free(&pieces);
	return 0;
}
