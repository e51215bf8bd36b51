/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/reply-text.h"

#include "base/utf8.h"
#include "l6-agent/arguments-mend.h"
#include "l6-agent/tool.h"

#include <string.h>

enum { ID_BYTES = 32 };

/* What is the answer's text for certain. */
static int on_answer(const char *text, size_t length, void *userdata)
{
	struct reply_text *reply = userdata;
	const struct answer_sink *sink = reply->options.sink;

	if (sink && sink->on_text)
		sink->on_text(text, length, sink->data);
	return buf_add(&reply->text, text, length);
}

static int on_text(const char *text, size_t length, void *userdata)
{
	struct reply_text *reply = userdata;

	return reply->options.n_tools > 0 ? printed_feed(&reply->printed, text, length)
					  : on_answer(text, length, reply);
}

static int on_thinking(const char *text, size_t length, void *userdata)
{
	reply_text_thinking(userdata, text, length);
	return 0;
}

static void begin_printed(struct reply_text *reply)
{
	printed_init(&reply->printed, reply->options.tools, reply->options.n_tools,
		     REPLY_TEXT_BYTES_MAX);
	reply->printed.on_text = on_answer;
	reply->printed.userdata = reply;
}

static void on_stray_close(void *userdata)
{
	struct reply_text *reply = userdata;

	buf_truncate(&reply->text, 0);
	printed_fini(&reply->printed);
	begin_printed(reply);
}

void reply_text_init(struct reply_text *reply, const struct reply_options *options)
{
	*reply = (struct reply_text){ .options = *options, .text = BUF(REPLY_TEXT_BYTES_MAX) };
	reply->think_sink = (struct think_sink){ .on_text = on_text,
						 .on_thinking = on_thinking,
						 .on_stray_close = on_stray_close,
						 .userdata = reply };
	think_split_init(&reply->split, REPLY_TEXT_BYTES_MAX, &reply->think_sink);
	begin_printed(reply);
}

void reply_text_fini(struct reply_text *reply)
{
	think_split_fini(&reply->split);
	printed_fini(&reply->printed);
	buf_free(&reply->text);
	printed_calls_free(reply->calls, reply->n_calls);
}

int reply_add_clean(struct buf *buf, const char *text, size_t length)
{
	int r = 0;

	while (length > 0 && r >= 0) {
		const char *nul = memchr(text, '\0', length);
		size_t n = nul ? (size_t)(nul - text) : length;

		r = buf_add(buf, text, n);
		if (r >= 0 && nul)
			r = buf_add_string(buf, UTF8_REPLACEMENT);
		n += nul ? 1 : 0;
		text += n;
		length -= n;
	}
	return r;
}

int reply_text_feed(struct reply_text *reply, const char *text, size_t length)
{
	auto_buf struct buf clean = BUF(REPLY_TEXT_BYTES_MAX);
	int r;

	if (!memchr(text, '\0', length))
		return think_split_feed(&reply->split, text, length);
	r = reply_add_clean(&clean, text, length);
	return r < 0 ? r : think_split_feed(&reply->split, buf_string(&clean), clean.length);
}

void reply_text_thinking(struct reply_text *reply, const char *text, size_t length)
{
	const struct answer_sink *sink = reply->options.sink;

	if (sink && sink->on_reasoning)
		sink->on_reasoning(text, length, sink->data);
}

/* Does one of the calls stand in what the model has read? */
static int is_quotation(const struct reply_text *reply, bool *ret)
{
	int r = 0;

	*ret = false;
	for (size_t i = 0; i < reply->n_calls && r >= 0 && !*ret; i++)
		if (reply->calls[i].source)
			r = quoted_find(&reply->options.conversation, reply->calls[i].source,
					reply->calls[i].length, ret);
	return r;
}

/* The model made its calls and printed them as well. */
static bool is_repetition(const struct reply_text *reply, const struct tool_call *made,
			  size_t n_made)
{
	if (reply->n_calls == 0 || reply->n_calls != n_made)
		return false;
	for (size_t i = 0; i < n_made; i++)
		if (strcmp(made[i].name, reply->calls[i].tool->name) != 0)
			return false;
	return true;
}

/* The printed calls become the answer's; they have no ids yet. */
static int adopt_printed(struct reply_text *reply, struct answer *answer)
{
	answer->calls = calloc(reply->n_calls, sizeof(*answer->calls));
	if (!answer->calls)
		return -ENOMEM;
	answer->n_calls = reply->n_calls;
	for (size_t i = 0; i < reply->n_calls; i++) {
		answer->calls[i].name = strdup(reply->calls[i].tool->name);
		answer->calls[i].arguments = TAKE_PTR(reply->calls[i].arguments);
		if (!answer->calls[i].name)
			return -ENOMEM;
	}
	printed_drop(&reply->printed);
	return 0;
}

static int settle_printed(struct reply_text *reply, struct answer *answer)
{
	bool is_quoted = false;
	int r = printed_finish(&reply->printed, &reply->calls, &reply->n_calls);

	if (r >= 0 && is_repetition(reply, answer->calls, answer->n_calls))
		printed_drop(&reply->printed);
	if (r >= 0 && answer->n_calls == 0)
		r = is_quotation(reply, &is_quoted);
	if (r >= 0 && answer->n_calls == 0 && reply->n_calls > 0 && !is_quoted)
		r = adopt_printed(reply, answer);
	return r < 0 ? r : printed_release(&reply->printed);
}

static bool is_taken(const struct answer *answer, size_t before, const char *id)
{
	for (size_t i = 0; i < before; i++)
		if (answer->calls[i].id && strcmp(answer->calls[i].id, id) == 0)
			return true;
	return false;
}

static char *make_id(const struct answer *answer, size_t number)
{
	char id[ID_BYTES];

	do
		(void)snprintf(id, sizeof(id), "call_%zu", number); /* fits */
	while (is_taken(answer, answer->n_calls, id) && (number += PRINTED_CALLS_MAX));
	return strdup(id);
}

static int settle_call(const struct reply_text *reply, struct answer *answer, size_t i,
		       size_t number)
{
	struct tool_call *call = &answer->calls[i];
	const struct tool *tool = printed_tool(&reply->printed, call->name);
	int r = arguments_mend(&call->arguments);

	if (tool && strcmp(tool->name, call->name) != 0) {
		free(call->name);
		call->name = strdup(tool->name);
	}
	if (call->id && (!*call->id || is_taken(answer, i, call->id))) {
		free(call->id);
		call->id = NULL;
	}
	if (!call->id)
		call->id = make_id(answer, number);
	return r < 0 ? r : call->id && call->name ? 0 : -ENOMEM;
}

static enum answer_stop settle_stop(const struct answer *answer)
{
	switch (answer->stop) {
	case ANSWER_STOP_END:
	case ANSWER_STOP_CALLS:
		return answer->n_calls > 0 ? ANSWER_STOP_CALLS : ANSWER_STOP_END;
	case ANSWER_STOP_LENGTH:
	case ANSWER_STOP_FILTER:
		return answer->stop;
	}
	return ANSWER_STOP_END;
}

int reply_text_finish(struct reply_text *reply, size_t calls_before, struct answer *answer)
{
	int r = think_split_finish(&reply->split);

	if (r >= 0)
		r = settle_printed(reply, answer);
	for (size_t i = 0; i < answer->n_calls && r >= 0; i++)
		r = settle_call(reply, answer, i, calls_before + i + 1);
	if (r < 0)
		return r;
	answer->stop = settle_stop(answer);
	if (reply->text.length > 0)
		answer->text = buf_take(&reply->text);
	return 0;
}
