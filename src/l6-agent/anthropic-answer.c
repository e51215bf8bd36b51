/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/anthropic-answer.h"

#include "base/cleanup.h"
#include "base/json-text.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>
#include <yyjson.h>

struct anthropic_answer {
	struct chat_answer chat;
	bool in_thinking;
	struct buf thinking, signature; /* of the block that is open */
	struct buf carried;             /* finished blocks, from ANTHROPIC_CARRIED on */
	uint64_t input_tokens, read_tokens, stored_tokens, answer_tokens;
};

static_assert(offsetof(struct anthropic_answer, chat) == 0, "chat_answer_new() makes both");

static void init_answer(void *userdata)
{
	struct anthropic_answer *answer = userdata;

	answer->thinking = BUF(REPLY_TEXT_BYTES_MAX);
	answer->signature = BUF(REPLY_TEXT_BYTES_MAX);
	answer->carried = BUF(REPLY_TEXT_BYTES_MAX);
}

static void fini_answer(void *userdata)
{
	struct anthropic_answer *answer = userdata;

	buf_free(&answer->thinking);
	buf_free(&answer->signature);
	buf_free(&answer->carried);
}

/* Appends the string at key, if there is one. */
static int add_string(struct buf *out, yyjson_val *object, const char *key)
{
	yyjson_val *value = yyjson_obj_get(object, key);

	if (!yyjson_is_str(value))
		return 0;
	return reply_add_clean(out, yyjson_get_str(value), yyjson_get_len(value));
}

static int take_text(struct anthropic_answer *answer, yyjson_val *object)
{
	yyjson_val *text = yyjson_obj_get(object, "text");

	if (yyjson_get_len(text) == 0)
		return 0;
	return reply_text_feed(&answer->chat.reply, yyjson_get_str(text), yyjson_get_len(text));
}

static int take_thinking(struct anthropic_answer *answer, yyjson_val *object)
{
	yyjson_val *text = yyjson_obj_get(object, "thinking");

	if (yyjson_get_len(text) > 0)
		reply_text_thinking(&answer->chat.reply, yyjson_get_str(text),
				    yyjson_get_len(text));
	return add_string(&answer->thinking, object, "thinking");
}

static int begin_carried(struct anthropic_answer *answer)
{
	return buf_add_string(&answer->carried,
			      answer->carried.length == 0 ? ANTHROPIC_CARRIED "[" : ",");
}

/* Thinking that is not signed is not taken back. */
static int end_thinking(struct anthropic_answer *answer)
{
	struct buf *out = &answer->carried;
	int r = 0;

	if (!answer->in_thinking)
		return 0;
	answer->in_thinking = false;
	if (answer->signature.length > 0) {
		r = begin_carried(answer);
		if (r >= 0)
			r = buf_add_string(out, "{\"type\":\"thinking\",\"thinking\":");
		if (r >= 0)
			r = json_text_string(out, buf_string(&answer->thinking));
		if (r >= 0)
			r = buf_add_string(out, ",\"signature\":");
		if (r >= 0)
			r = json_text_string(out, buf_string(&answer->signature));
		if (r >= 0)
			r = buf_add_char(out, '}');
	}
	buf_truncate(&answer->thinking, 0);
	buf_truncate(&answer->signature, 0);
	return r;
}

static int carry_redacted(struct anthropic_answer *answer, yyjson_val *block)
{
	yyjson_val *data = yyjson_obj_get(block, "data");
	int r;

	if (!yyjson_is_str(data))
		return 0;
	r = begin_carried(answer);
	if (r >= 0)
		r = buf_add_string(&answer->carried, "{\"type\":\"redacted_thinking\",\"data\":");
	if (r >= 0)
		r = json_text_string(&answer->carried, yyjson_get_str(data));
	return r < 0 ? r : buf_add_char(&answer->carried, '}');
}

/* A beginning that comes twice is one call: it must not run twice. */
static bool has_call(const struct anthropic_answer *answer, int64_t index, yyjson_val *id)
{
	const struct chat_answer *chat = &answer->chat;

	for (size_t i = 0; i < chat->n_calls; i++)
		if (chat->calls[i].index == index && yyjson_get_len(id) > 0 &&
		    yyjson_equals_str(id, buf_string(&chat->calls[i].id)))
			return true;
	return false;
}

static int begin_call(struct anthropic_answer *answer, int64_t index, yyjson_val *block)
{
	yyjson_val *input = yyjson_obj_get(block, "input");
	struct chat_call *call;
	char *text = NULL;
	size_t length;
	int r;

	if (has_call(answer, index, yyjson_obj_get(block, "id")))
		return 0;
	r = chat_answer_call(&answer->chat, index, CHAT_ANSWER_WORD_BYTES_MAX, &call);

	if (r < 0)
		return r;
	r = add_string(&call->id, block, "id");
	if (r >= 0)
		r = add_string(&call->name, block, "name");
	if (r < 0 || yyjson_obj_size(input) == 0)
		return r; /* a stream begins with {} and sends the pieces */
	text = yyjson_val_write(input, 0, &length);
	r = text ? buf_add(&call->arguments, text, length) : -ENOMEM;
	free(text);
	return r;
}

static int begin_block(struct anthropic_answer *answer, int64_t index, yyjson_val *block)
{
	const char *type = yyjson_get_str(yyjson_obj_get(block, "type"));
	int r = end_thinking(answer);

	answer->chat.has_message |= type != NULL;
	if (r < 0 || !type)
		return r;
	if (strcmp(type, "text") == 0)
		return take_text(answer, block);
	if (strcmp(type, "tool_use") == 0)
		return begin_call(answer, index, block);
	if (strcmp(type, "redacted_thinking") == 0)
		return carry_redacted(answer, block);
	if (strcmp(type, "thinking") != 0)
		return 0; /* of a kind that says nothing to us */
	answer->in_thinking = true;
	r = take_thinking(answer, block);
	return r < 0 ? r : add_string(&answer->signature, block, "signature");
}

static int add_arguments(struct anthropic_answer *answer, int64_t index, yyjson_val *delta)
{
	struct chat_call *calls = answer->chat.calls;

	for (size_t i = answer->chat.n_calls; i > 0; i--)
		if (calls[i - 1].index == index)
			return add_string(&calls[i - 1].arguments, delta, "partial_json");
	return 0; /* of a block that is not ours */
}

static int take_delta(struct anthropic_answer *answer, int64_t index, yyjson_val *delta)
{
	const char *type = yyjson_get_str(yyjson_obj_get(delta, "type"));

	if (!type)
		return 0;
	if (strcmp(type, "text_delta") == 0)
		return take_text(answer, delta);
	if (strcmp(type, "input_json_delta") == 0)
		return add_arguments(answer, index, delta);
	if (strcmp(type, "thinking_delta") == 0)
		return take_thinking(answer, delta);
	if (strcmp(type, "signature_delta") == 0)
		return add_string(&answer->signature, delta, "signature");
	return 0;
}

static void take_stop(struct anthropic_answer *answer, yyjson_val *reason)
{
	static const struct {
		const char *name;
		enum answer_stop stop;
	} reasons[] = {
		{ "tool_use", ANSWER_STOP_CALLS },
		{ "max_tokens", ANSWER_STOP_LENGTH },
		{ "model_context_window_exceeded", ANSWER_STOP_LENGTH },
		{ "refusal", ANSWER_STOP_FILTER },
	};
	const char *name = yyjson_get_str(reason);

	if (!name)
		return;
	answer->chat.has_stop = true;
	/* end_turn, stop_sequence, pause_turn and what comes next */
	answer->chat.stop = ANSWER_STOP_END;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(name, reasons[i].name) == 0)
			answer->chat.stop = reasons[i].stop;
}

/* Later figures replace earlier ones; what a later one leaves out stays. */
static void take_usage(struct anthropic_answer *answer, yyjson_val *usage)
{
	const struct {
		const char *key;
		uint64_t *to;
	} figures[] = {
		{ "input_tokens", &answer->input_tokens },
		{ "cache_read_input_tokens", &answer->read_tokens },
		{ "cache_creation_input_tokens", &answer->stored_tokens },
		{ "output_tokens", &answer->answer_tokens },
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		yyjson_val *value = yyjson_obj_get(usage, figures[i].key);

		if (yyjson_is_uint(value) && (yyjson_get_uint(value) > 0 || *figures[i].to == 0))
			*figures[i].to = yyjson_get_uint(value);
	}
}

static int take_message(struct anthropic_answer *answer, yyjson_val *message)
{
	yyjson_val *block;
	size_t i, n;
	int r = 0;

	answer->chat.has_message = true;
	yyjson_arr_foreach(yyjson_obj_get(message, "content"), i, n, block)
	{
		if (r >= 0)
			r = begin_block(answer, (int64_t)i, block);
	}
	take_usage(answer, yyjson_obj_get(message, "usage"));
	take_stop(answer, yyjson_obj_get(message, "stop_reason"));
	return r < 0 ? r : end_thinking(answer);
}

static int take_document(void *userdata, yyjson_val *document, bool *ret_done, struct error *err)
{
	struct anthropic_answer *answer = userdata;
	const char *type = yyjson_get_str(yyjson_obj_get(document, "type"));
	yyjson_val *at = yyjson_obj_get(document, "index");
	int64_t index = yyjson_is_int(at) ? yyjson_get_sint(at) : -1;
	int r = 0;

	if (!yyjson_is_obj(document) || !type)
		return FAIL(err, -EPROTO,
			    "the answer holds a document without a type; is this a server that "
			    "speaks Anthropic's messages?");
	if (strcmp(type, "message_start") == 0) {
		r = take_message(answer, yyjson_obj_get(document, "message"));
	} else if (strcmp(type, "message") == 0) {
		r = take_message(answer, document);
	} else if (strcmp(type, "content_block_start") == 0) {
		r = begin_block(answer, index, yyjson_obj_get(document, "content_block"));
	} else if (strcmp(type, "content_block_delta") == 0) {
		r = take_delta(answer, index, yyjson_obj_get(document, "delta"));
	} else if (strcmp(type, "content_block_stop") == 0) {
		r = end_thinking(answer);
	} else if (strcmp(type, "message_delta") == 0) {
		take_stop(answer, yyjson_obj_get(yyjson_obj_get(document, "delta"), "stop_reason"));
		take_usage(answer, yyjson_obj_get(document, "usage"));
	} else if (strcmp(type, "message_stop") == 0) {
		*ret_done = true;
	}
	return chat_answer_explain(r, err);
}

static int settle(void *userdata, struct answer *made)
{
	struct anthropic_answer *answer = userdata;
	int r;

	made->prompt_tokens = answer->input_tokens + answer->read_tokens + answer->stored_tokens;
	made->cached_tokens = answer->read_tokens;
	made->stored_tokens = answer->stored_tokens;
	made->answer_tokens = answer->answer_tokens;
	if (made->n_calls == 0 || answer->carried.length == 0)
		return 0;
	r = buf_add_char(&answer->carried, ']');
	if (r >= 0)
		made->carried = buf_take(&answer->carried);
	return r;
}

const struct answer_form anthropic_answer_form = { sizeof(struct anthropic_answer), init_answer,
						   take_document, settle, fini_answer };
