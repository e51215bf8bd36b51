/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/context.h"

#include "base/clock.h"
#include "l6-agent/front.h"
#include "l6-agent/memory-tools.h"
#include "l6-agent/peer.h"

#include <string.h>

struct context_fetch {
	struct agent *agent;
	struct front_fetch *front;
	struct peer_call *search;
	context_done_fn on_done;
	void *data;
	struct context_result result;
};

static void free_fetch(struct context_fetch *fetch)
{
	front_cancel(fetch->front);
	peer_call_cancel(fetch->search);
	free(fetch->result.memory);
	free(fetch);
}

void context_cancel(struct context_fetch *fetch)
{
	if (fetch)
		free_fetch(fetch);
}

static void maybe_done(struct context_fetch *fetch)
{
	if (fetch->front || fetch->search)
		return;
	label_set_add_text(&fetch->result.labels, fetch->agent->front.labels);
	fetch->on_done(&fetch->result, fetch->data);
	free_fetch(fetch);
}

static void on_front(int code, const struct error *err, void *data)
{
	struct context_fetch *fetch = data;

	fetch->front = NULL;
	fetch->result.code = code;
	fetch->result.err = *err;
	maybe_done(fetch);
}

static void on_search(struct peer_call *call, const char *error_id, sd_json_variant *reply,
		      bool is_final, void *data)
{
	struct context_fetch *fetch = data;
	struct buf block = BUF(MEMORY_RECALL_BYTES + 1);
	struct error err = { 0 };
	int r;

	(void)call;
	(void)is_final;
	fetch->search = NULL;
	r = error_id ? FAIL(&err, -EIO, "memory was not searched: %s",
			    peer_error_reason(error_id, reply))
		     : memory_recall_format(reply, &block, &fetch->result.labels, &err);
	if (r >= 0 && leak_clean(&block, &fetch->result.leaks) < 0)
		r = FAIL(&err, -ENOMEM, "what memory holds cannot be searched for secrets");
	if (r < 0)
		(void)snprintf(fetch->result.note, sizeof(fetch->result.note), "%s", err.text);
	else if (block.length > 0)
		fetch->result.memory = buf_take(&block);
	buf_free(&block);
	maybe_done(fetch);
}

static int start_search(struct context_fetch *fetch, const char *message, struct error *err)
{
	struct memory_call memory;
	struct peer_call_options call = {
		.repeatable = true,
		.timeout_us = PEER_FS_ANSWER_S * CLOCK_SECOND_US,
		.on_reply = on_search,
		.data = fetch,
	};
	int r = memory_recall_make(message, &memory, err);

	if (r < 0)
		return r;
	call.method = memory.method;
	call.parameters = memory.parameters;
	r = peer_call_start(fetch->agent->fs, &call, &fetch->search, err);
	memory_call_free(&memory);
	return r;
}

int context_start(struct agent *agent, const char *message, context_done_fn on_done, void *data,
		  struct context_fetch **ret, struct error *err)
{
	struct context_fetch *fetch = calloc(1, sizeof(*fetch));
	int r;

	if (!fetch)
		return FAIL(err, -ENOMEM, "out of memory");
	fetch->agent = agent;
	fetch->on_done = on_done;
	fetch->data = data;
	r = front_start(agent, on_front, fetch, &fetch->front, err);
	if (r >= 0)
		r = start_search(fetch, message, err);
	if (r < 0) {
		free_fetch(fetch);
		return r;
	}
	*ret = fetch;
	return 0;
}
