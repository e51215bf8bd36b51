/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/chat-answer.h"

#include "base/cleanup.h"

#include <string.h>

enum { ARGUMENTS_BYTES_MAX = 4 * 1024 * 1024, EXTRA_BYTES_MAX = 256 * 1024 };

struct chat_answer *chat_answer_new(const struct answer_form *form, const struct answer_view *view,
				    const struct reply_options *options)
{
	struct chat_answer *answer = calloc(1, form->size);

	if (!answer)
		return NULL;
	answer->form = form;
	answer->view = *view;
	reply_text_init(&answer->reply, options);
	form->init(answer);
	return answer;
}

void chat_answer_free(struct chat_answer *answer)
{
	if (!answer)
		return;
	answer->form->fini(answer);
	for (size_t i = 0; i < answer->n_calls; i++) {
		buf_free(&answer->calls[i].id);
		buf_free(&answer->calls[i].name);
		buf_free(&answer->calls[i].arguments);
		buf_free(&answer->calls[i].extra);
	}
	free(answer->calls);
	reply_text_fini(&answer->reply);
	free(answer);
}

int chat_answer_call(struct chat_answer *answer, int64_t index, size_t name_bytes_max,
		     struct chat_call **ret)
{
	if (answer->n_calls == CHAT_ANSWER_CALLS_MAX)
		return -E2BIG;
	if (!answer->calls)
		answer->calls = calloc(CHAT_ANSWER_CALLS_MAX, sizeof(*answer->calls));
	if (!answer->calls)
		return -ENOMEM;
	*ret = &answer->calls[answer->n_calls++];
	**ret = (struct chat_call){ .index = index,
				    .id = BUF(CHAT_ANSWER_WORD_BYTES_MAX),
				    .name = BUF(name_bytes_max),
				    .arguments = BUF(ARGUMENTS_BYTES_MAX),
				    .extra = BUF(EXTRA_BYTES_MAX) };
	return 0;
}

static char *text_or(struct buf *buf, const char *fallback)
{
	return buf->length > 0 ? buf_take(buf) : strdup(fallback);
}

static int take_calls(struct chat_answer *answer, struct answer *made)
{
	if (answer->n_calls == 0)
		return 0;
	made->calls = calloc(answer->n_calls, sizeof(*made->calls));
	if (!made->calls)
		return -ENOMEM;
	made->n_calls = answer->n_calls;
	for (size_t i = 0; i < answer->n_calls; i++) {
		struct tool_call *call = &made->calls[i];

		if (answer->calls[i].id.length > 0)
			call->id = buf_take(&answer->calls[i].id);
		call->name = text_or(&answer->calls[i].name, "");
		call->arguments = text_or(&answer->calls[i].arguments, "{}");
		if (!call->name || !call->arguments)
			return -ENOMEM;
	}
	return 0;
}

int chat_answer_finish(struct chat_answer *answer, bool ended, struct answer *ret,
		       struct error *err)
{
	struct answer made = { .stop = answer->stop };
	int r;

	if (!ended && !answer->has_stop)
		return FAIL(err, -EPROTO, "the answer was cut off before its end");
	if (!answer->has_message)
		return FAIL(err, -EPROTO, "the answer holds no message");
	r = take_calls(answer, &made);
	if (r >= 0)
		r = reply_text_finish(&answer->reply, answer->view.calls, &made);
	if (r >= 0)
		r = answer->form->settle(answer, &made);
	if (r < 0) {
		answer_free(&made);
		return chat_answer_explain(r, err);
	}
	*ret = made;
	return 0;
}

int chat_answer_explain(int r, struct error *err)
{
	if (r == -E2BIG)
		return FAIL(err, -EPROTO, "the answer holds more than %d tool calls",
			    CHAT_ANSWER_CALLS_MAX);
	if (r == -EMSGSIZE)
		return FAIL(err, r, "the answer is over a size limit (text %d bytes, arguments %d)",
			    REPLY_TEXT_BYTES_MAX, ARGUMENTS_BYTES_MAX);
	return r < 0 ? FAIL(err, r, "the answer cannot be kept: %s", strerror(-r)) : r;
}
