/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/openai-answer.h"

#include "base/cleanup.h"
#include "base/json-text.h"
#include "l6-agent/reasoning-details.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <yyjson.h>

enum { ANSWER_NAME_BYTES_MAX = 256 };

struct openai_answer {
	struct chat_answer chat;
	struct reasoning_details details;
	struct buf reasoning; /* to carry; empty unless the provider wants it back */
	uint64_t prompt_tokens, cached_tokens, answer_tokens;
};

static_assert(offsetof(struct openai_answer, chat) == 0, "chat_answer_new() makes both");

static void init_answer(void *userdata)
{
	struct openai_answer *answer = userdata;

	answer->reasoning = BUF(REPLY_TEXT_BYTES_MAX);
}

static void fini_answer(void *userdata)
{
	struct openai_answer *answer = userdata;

	buf_free(&answer->reasoning);
	reasoning_details_fini(&answer->details);
}

static int take_text(struct openai_answer *answer, yyjson_val *value)
{
	return reply_text_feed(&answer->chat.reply, yyjson_get_str(value), yyjson_get_len(value));
}

static int take_thinking(struct openai_answer *answer, yyjson_val *value)
{
	const char *text = yyjson_get_str(value);
	size_t length = yyjson_get_len(value);
	int r = 0;

	reply_text_thinking(&answer->chat.reply, text, length);
	if (answer->chat.view.reasoning_back)
		r = reply_add_clean(&answer->reasoning, text, length);
	return r;
}

/* A string, or a list of parts of which the texts count (and parts of thinking are thinking). */
static int take_content(struct openai_answer *answer, yyjson_val *content)
{
	size_t i, n;
	yyjson_val *part;
	int r = 0;

	if (yyjson_is_str(content))
		return yyjson_get_len(content) > 0 ? take_text(answer, content) : 0;
	if (!yyjson_is_arr(content))
		return 0;
	yyjson_arr_foreach(content, i, n, part)
	{
		yyjson_val *text = yyjson_obj_get(part, "text");
		yyjson_val *thinking = yyjson_obj_get(part, "thinking");

		if (r >= 0 && yyjson_is_str(text))
			r = take_text(answer, text);
		if (r >= 0 && yyjson_is_str(thinking))
			r = take_thinking(answer, thinking);
	}
	return r;
}

/* Servers in transition send the same thinking under two names; the first counts. */
static int take_reasoning(struct openai_answer *answer, yyjson_val *delta)
{
	static const char *const keys[] = { "reasoning_content", "reasoning", "thinking" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		yyjson_val *value = yyjson_obj_get(delta, keys[i]);

		if (yyjson_is_str(value) && yyjson_get_len(value) > 0)
			return take_thinking(answer, value);
	}
	return 0;
}

static bool is_whole_json(const struct buf *text)
{
	yyjson_doc *doc = yyjson_read(buf_string(text), text->length, 0);

	yyjson_doc_free(doc);
	return doc != NULL;
}

static bool same_text(const struct buf *have, yyjson_val *value)
{
	return have->length == yyjson_get_len(value) &&
	       memcmp(buf_string(have), yyjson_get_str(value), have->length) == 0;
}

/*
 * Does a piece belong to this call? The index alone does not say: some servers give every call
 * index 0. Another id, or a name after complete arguments, starts a new call.
 */
static bool belongs(const struct chat_call *call, yyjson_val *id, yyjson_val *name)
{
	if (yyjson_get_len(id) > 0 && call->id.length > 0)
		return same_text(&call->id, id);
	if (yyjson_get_len(name) > 0 && call->name.length > 0 && call->arguments.length > 0)
		return !is_whole_json(&call->arguments);
	return true;
}

static struct chat_call *find_call(struct openai_answer *answer, int64_t index, yyjson_val *id,
				   yyjson_val *name)
{
	for (size_t i = answer->chat.n_calls; i > 0; i--) {
		struct chat_call *call = &answer->chat.calls[i - 1];

		if (call->index == index || index < 0)
			return belongs(call, id, name) ? call : NULL;
	}
	return NULL;
}

static int add_arguments(struct chat_call *call, yyjson_val *arguments)
{
	size_t length;
	char *text;
	int r;

	if (!arguments || yyjson_is_null(arguments))
		return 0;
	if (yyjson_is_str(arguments))
		return reply_add_clean(&call->arguments, yyjson_get_str(arguments),
				       yyjson_get_len(arguments));
	text = yyjson_val_write(arguments, 0, &length); /* an object where a string belongs */
	if (!text)
		return -ENOMEM;
	buf_truncate(&call->arguments, 0); /* it comes whole each time */
	r = buf_add(&call->arguments, text, length);
	free(text);
	return r;
}

static int add_name(struct chat_call *call, yyjson_val *name)
{
	if (!name || same_text(&call->name, name))
		return 0; /* repeated with each piece */
	return reply_add_clean(&call->name, yyjson_get_str(name), yyjson_get_len(name));
}

/* Of another type it counts as missing: only strings have bytes. */
static yyjson_val *string_in(yyjson_val *object, const char *key)
{
	yyjson_val *value = yyjson_obj_get(object, key);

	return yyjson_is_str(value) ? value : NULL;
}

/* Signatures of a provider's own: it refuses the call when they do not come back. */
static int take_extra(struct chat_call *call, yyjson_val *piece)
{
	yyjson_val *extra = yyjson_obj_get(piece, "extra_content");
	size_t length;
	char *text;
	int r;

	if (yyjson_obj_size(extra) == 0)
		return 0;
	text = yyjson_val_write(extra, 0, &length);
	if (!text)
		return -ENOMEM;
	buf_truncate(&call->extra, 0);
	r = buf_add(&call->extra, text, length);
	free(text);
	return r;
}

/* Of a whole message each element is a call; of a stream it may be a piece of one. */
static int take_call(struct openai_answer *answer, yyjson_val *piece, yyjson_val *function,
		     bool whole)
{
	yyjson_val *id = string_in(piece, "id"), *name = string_in(function, "name");
	yyjson_val *at = yyjson_obj_get(piece, "index");
	int64_t index = yyjson_is_int(at) ? yyjson_get_sint(at) : -1;
	struct chat_call *call = whole ? NULL : find_call(answer, index, id, name);
	int r = 0;

	if (!call)
		r = chat_answer_call(&answer->chat, index, ANSWER_NAME_BYTES_MAX, &call);
	if (r >= 0 && call->id.length == 0 && id)
		r = reply_add_clean(&call->id, yyjson_get_str(id), yyjson_get_len(id));
	if (r >= 0)
		r = add_name(call, name);
	if (r >= 0)
		r = take_extra(call, piece);
	return r < 0 ? r : add_arguments(call, yyjson_obj_get(function, "arguments"));
}

static int take_calls(struct openai_answer *answer, yyjson_val *calls, bool whole)
{
	size_t i, n;
	yyjson_val *piece;
	int r = 0;

	yyjson_arr_foreach(calls, i, n, piece)
	{
		yyjson_val *function = yyjson_obj_get(piece, "function");

		if (r >= 0)
			r = take_call(answer, piece, function ? function : piece, whole);
	}
	return r;
}

static void take_stop(struct openai_answer *answer, yyjson_val *reason)
{
	static const struct {
		const char *name;
		enum answer_stop stop;
	} reasons[] = {
		{ "tool_calls", ANSWER_STOP_CALLS },      { "function_call", ANSWER_STOP_CALLS },
		{ "tool_use", ANSWER_STOP_CALLS },        { "length", ANSWER_STOP_LENGTH },
		{ "max_tokens", ANSWER_STOP_LENGTH },     { "model_length", ANSWER_STOP_LENGTH },
		{ "content_filter", ANSWER_STOP_FILTER }, { "safety", ANSWER_STOP_FILTER },
		{ "refusal", ANSWER_STOP_FILTER },
	};
	const char *name = yyjson_get_str(reason);

	if (!name || *name == '\0')
		return;
	answer->chat.has_stop = true;
	/* stop, eos, end_turn, stop_sequence and what comes next */
	answer->chat.stop = ANSWER_STOP_END;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcasecmp(name, reasons[i].name) == 0)
			answer->chat.stop = reasons[i].stop;
}

static uint64_t count_of(yyjson_val *usage, const char *key)
{
	yyjson_val *value = yyjson_obj_get(usage, key);

	return yyjson_is_uint(value) ? yyjson_get_uint(value) : 0;
}

static void take_usage(struct openai_answer *answer, yyjson_val *usage)
{
	yyjson_val *details = yyjson_obj_get(usage, "prompt_tokens_details");
	uint64_t cached = count_of(details, "cached_tokens");

	if (!yyjson_is_obj(usage))
		return;
	answer->prompt_tokens = count_of(usage, "prompt_tokens");
	answer->answer_tokens = count_of(usage, "completion_tokens");
	answer->cached_tokens = cached ? cached : count_of(usage, "prompt_cache_hit_tokens");
}

static int take_message(struct openai_answer *answer, yyjson_val *message, bool whole)
{
	yyjson_val *function = yyjson_obj_get(message, "function_call");
	yyjson_val *refusal = yyjson_obj_get(message, "refusal");
	int r = take_reasoning(answer, message);

	if (r >= 0)
		r = reasoning_details_take(&answer->details,
					   yyjson_obj_get(message, "reasoning_details"));
	if (r >= 0)
		r = take_content(answer, yyjson_obj_get(message, "content"));
	if (r >= 0 && yyjson_get_len(refusal) > 0)
		r = take_content(answer, refusal);
	if (r >= 0 && yyjson_is_obj(function))
		r = take_call(answer, NULL, function, whole);
	return r < 0 ? r : take_calls(answer, yyjson_obj_get(message, "tool_calls"), whole);
}

static int take_document(void *userdata, yyjson_val *document, bool *ret_done, struct error *err)
{
	struct openai_answer *answer = userdata;
	yyjson_val *choices = yyjson_obj_get(document, "choices");
	yyjson_val *choice = yyjson_arr_get_first(choices);
	yyjson_val *delta = yyjson_obj_get(choice, "delta");
	yyjson_val *message = yyjson_obj_get(choice, "message");
	yyjson_val *usage = yyjson_obj_get(document, "usage");
	int r = 0;

	(void)ret_done; /* [DONE] says so, which is no document */
	if (!yyjson_is_obj(document))
		return FAIL(err, -EPROTO, "the answer is not a JSON object");
	if (!usage)
		usage = yyjson_obj_get(yyjson_obj_get(document, "x_groq"), "usage");
	take_usage(answer, usage);
	if (yyjson_is_obj(delta))
		r = take_message(answer, delta, false);
	else if (yyjson_is_obj(message) && !answer->chat.has_message)
		r = take_message(answer, message, true);
	answer->chat.has_message = answer->chat.has_message || delta || message;
	take_stop(answer, yyjson_obj_get(choice, "finish_reason"));
	return chat_answer_explain(r, err);
}

static int add_extras(const struct openai_answer *answer, struct buf *out)
{
	int r = buf_add_string(out, ",\"extra\":[");

	for (size_t i = 0; i < answer->chat.n_calls && r >= 0; i++) {
		const struct buf *extra = &answer->chat.calls[i].extra;

		r = i > 0 ? buf_add_char(out, ',') : 0;
		if (r >= 0)
			r = buf_add_string(out, extra->length > 0 ? buf_string(extra) : "null");
	}
	return r < 0 ? r : buf_add_char(out, ']');
}

/* What its provider wants back with these calls. */
static int carry(struct openai_answer *answer, struct answer *made)
{
	auto_buf struct buf out = BUF(REPLY_TEXT_BYTES_MAX);
	bool has_extra = false;
	int r;

	for (size_t i = 0; i < answer->chat.n_calls; i++)
		has_extra |= answer->chat.calls[i].extra.length > 0;
	if (made->n_calls == 0 ||
	    (answer->reasoning.length == 0 && !has_extra && answer->details.n == 0))
		return 0;
	r = buf_add_string(&out, OPENAI_CARRIED "{\"provider\":");
	if (r >= 0)
		r = json_text_string(&out, answer->chat.view.provider);
	if (r >= 0 && answer->reasoning.length > 0) {
		r = buf_add_string(&out, ",\"reasoning\":");
		if (r >= 0)
			r = json_text_string(&out, buf_string(&answer->reasoning));
	}
	if (r >= 0 && has_extra)
		r = add_extras(answer, &out);
	if (r >= 0 && answer->details.n > 0) {
		r = buf_add_string(&out, ",\"details\":");
		if (r >= 0)
			r = reasoning_details_write(&answer->details, &out);
	}
	if (r >= 0)
		r = buf_add_char(&out, '}');
	if (r >= 0)
		made->carried = buf_take(&out);
	return r;
}

static int settle(void *userdata, struct answer *made)
{
	struct openai_answer *answer = userdata;

	made->prompt_tokens = answer->prompt_tokens;
	made->cached_tokens = answer->cached_tokens;
	made->answer_tokens = answer->answer_tokens;
	return carry(answer, made);
}

const struct answer_form openai_answer_form = { sizeof(struct openai_answer), init_answer,
						take_document, settle, fini_answer };
