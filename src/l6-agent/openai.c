/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* openai - writes conversations for OpenAI chat completions and the servers that speak it (L6). */
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/json-text.h"
#include "l6-agent/attachment.h"
#include "l6-agent/chat-conversation.h"
#include "l6-agent/openai-answer.h"

#include <string.h>
#include <yyjson.h>

static int add_tools(struct buf *piece, const struct conversation_options *options)
{
	int r = buf_add_string(piece, ",\"tools\":[");

	for (size_t i = 0; i < options->n_tools && r >= 0; i++) {
		r = buf_add_string(piece, i > 0 ? ",{" : "{");
		if (r >= 0)
			r = buf_add_string(piece, "\"type\":\"function\",\"function\":{");
		if (r >= 0)
			r = chat_add_tool(piece, options->tools[i], "parameters");
		if (r >= 0)
			r = buf_add_string(piece, "}}");
	}
	return r < 0 ? r : buf_add_char(piece, ']');
}

static int add_front(struct buf *piece, const struct conversation_options *options)
{
	int r = buf_add_string(piece, "{\"model\":");

	if (r >= 0)
		r = json_text_string(piece, options->model);
	if (r >= 0)
		r = buf_add_string(piece,
				   options->stream ? ",\"stream\":true" : ",\"stream\":false");
	if (r >= 0 && options->stream && !options->no_stream_options)
		r = buf_add_string(piece, ",\"stream_options\":{\"include_usage\":true}");
	if (r >= 0 && options->max_tokens > 0)
		r = buf_printf(piece, ",\"max_tokens\":%llu",
			       (unsigned long long)options->max_tokens);
	if (r >= 0 && options->n_tools > 0)
		r = add_tools(piece, options);
	if (r >= 0)
		r = buf_add_string(piece, ",\"messages\":[");
	if (r < 0 || !options->instructions)
		return r;
	r = buf_add_string(piece, "{\"role\":\"system\",\"content\":");
	if (r >= 0)
		r = json_text_string(piece, options->instructions);
	return r < 0 ? r : buf_add_char(piece, '}');
}

static int open_message(const struct conversation *conversation, struct buf *piece,
			const char *opening)
{
	int r = conversation->last != CHAT_NOBODY ? buf_add_char(piece, ',') : 0;

	return r < 0 ? r : buf_add_string(piece, opening);
}

static int begin_text(const struct conversation *conversation, enum chat_role role,
		      struct buf *piece)
{
	int r;

	if (conversation->parts.length == 0)
		return open_message(conversation, piece,
				    role == CHAT_USER ? "{\"role\":\"user\",\"content\":\""
						      : "{\"role\":\"assistant\",\"content\":\"");
	r = open_message(conversation, piece, "{\"role\":\"user\",\"content\":[");
	if (r >= 0)
		r = buf_add(piece, conversation->parts.data, conversation->parts.length);
	return r < 0 ? r : buf_add_string(piece, "{\"type\":\"text\",\"text\":\"");
}

static int add_part(struct buf *parts, const struct attachment *attachment)
{
	bool is_image = attachment_kind(attachment->type) == ATTACHMENT_IMAGE;
	int r = buf_add_string(parts, is_image ? "{\"type\":\"text\",\"text\":"
					       : "{\"type\":\"file\",\"file\":{\"filename\":");

	if (r >= 0)
		r = json_text_string(parts, attachment->name);
	if (r >= 0)
		r = buf_printf(parts, "%sdata:%s;base64,",
			       is_image ? "},{\"type\":\"image_url\",\"image_url\":{\"url\":\""
					: ",\"file_data\":\"",
			       attachment->type);
	if (r >= 0)
		r = base64_add(parts, attachment->bytes, attachment->length);
	return r < 0 ? r : buf_add_string(parts, "\"}},");
}

static int add_attachment(struct conversation *conversation, const struct attachment *attachment,
			  struct error *err)
{
	int r = add_part(&conversation->parts, attachment);

	if (r < 0)
		buf_free(&conversation->parts);
	return r < 0 ? FAIL(err, r, "%s cannot be put into the conversation: %s", attachment->name,
			    strerror(-r))
		     : 0;
}

static int add_arguments(struct buf *piece, const char *arguments)
{
	auto_buf struct buf object = BUF(piece->max);
	int r = chat_add_arguments(&object, arguments);

	return r < 0 ? r : json_text_escape(piece, buf_string(&object), object.length);
}

static int add_call(struct buf *piece, const struct tool_call *call, yyjson_val *extra)
{
	char *text = yyjson_is_obj(extra) ? yyjson_val_write(extra, 0, NULL) : NULL;
	int r = buf_add_string(piece, "{\"id\":");

	if (r >= 0)
		r = json_text_string(piece, call->id);
	if (r >= 0)
		r = buf_add_string(piece, ",\"type\":\"function\",\"function\":{\"name\":\"");
	if (r >= 0)
		r = chat_add_name(piece, call->name, CHAT_NAME_BYTES_MAX);
	if (r >= 0)
		r = buf_add_string(piece, "\",\"arguments\":\"");
	if (r >= 0)
		r = add_arguments(piece, call->arguments);
	if (r >= 0)
		r = buf_add_string(piece, "\"}");
	if (r >= 0 && text)
		r = buf_printf(piece, ",\"extra_content\":%s", text);
	free(text);
	return r < 0 ? r : buf_add_char(piece, '}');
}

/* What this provider wants back; NULL when it is another one's, or nothing. */
static yyjson_doc *read_carried(const struct conversation *conversation, const char *carried)
{
	static const size_t front = sizeof(OPENAI_CARRIED) - 1;
	yyjson_doc *doc;
	yyjson_val *provider;

	if (!carried || strncmp(carried, OPENAI_CARRIED, front) != 0)
		return NULL;
	doc = yyjson_read(carried + front, strlen(carried + front), 0);
	provider = yyjson_obj_get(yyjson_doc_get_root(doc), "provider");
	if (yyjson_equals_str(provider, conversation->provider))
		return doc;
	yyjson_doc_free(doc);
	return NULL;
}

static int add_calls(struct buf *piece, const struct answer *answer, yyjson_val *extras)
{
	int r = buf_add_string(piece, ",\"tool_calls\":[");

	for (size_t i = 0; i < answer->n_calls && r >= 0; i++) {
		if (i > 0)
			r = buf_add_char(piece, ',');
		if (r >= 0)
			r = add_call(piece, &answer->calls[i], yyjson_arr_get(extras, i));
	}
	return r < 0 ? r : buf_add_char(piece, ']');
}

static int add_details(struct buf *piece, yyjson_val *details)
{
	char *text = yyjson_is_arr(details) ? yyjson_val_write(details, 0, NULL) : NULL;
	int r = text ? buf_printf(piece, ",\"reasoning_details\":%s", text) : 0;

	free(text);
	return r;
}

static int add_answer(const struct conversation *conversation, struct buf *piece,
		      const struct answer *answer)
{
	yyjson_doc *doc = read_carried(conversation, answer->carried);
	yyjson_val *carried = yyjson_doc_get_root(doc);
	const char *reasoning = yyjson_get_str(yyjson_obj_get(carried, "reasoning"));
	const char *text = answer->text || answer->n_calls > 0 ? answer->text : "";
	int r = json_text_string(piece, text);

	if (r >= 0 && conversation->reasoning_back && reasoning) {
		r = buf_add_string(piece, ",\"reasoning_content\":");
		if (r >= 0)
			r = json_text_string(piece, reasoning);
	}
	if (r >= 0)
		r = add_details(piece, yyjson_obj_get(carried, "details"));
	if (r >= 0 && answer->n_calls > 0)
		r = add_calls(piece, answer, yyjson_obj_get(carried, "extra"));
	yyjson_doc_free(doc);
	return r;
}

static int add_assistant(struct conversation *conversation, const struct answer *answer,
			 struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = open_message(conversation, &piece, "{\"role\":\"assistant\",\"content\":");

	if (r >= 0)
		r = add_answer(conversation, &piece, answer);
	if (r >= 0)
		r = buf_add_char(&piece, '}');
	return chat_conversation_append_answer(conversation, r, &piece, answer, err);
}

static int add_result(struct conversation *conversation, const struct tool_call *call,
		      const char *content, bool ok, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = open_message(conversation, &piece, "{\"role\":\"tool\",\"tool_call_id\":");

	if (r >= 0)
		r = json_text_string(&piece, call->id);
	if (r >= 0)
		r = buf_add_string(&piece, ",\"content\":\"");
	if (r >= 0)
		r = chat_add_output(&piece, call->name, content, ok);
	if (r >= 0)
		r = buf_add_string(&piece, "\"}");
	return chat_conversation_append(conversation, r, &piece, CHAT_USER, err);
}

static const char *tail_of(const struct conversation *conversation, bool refuse_tools)
{
	(void)conversation;
	return refuse_tools ? "],\"tool_choice\":\"none\"}" : "]}";
}

static const struct chat_form form = {
	.add_front = add_front,
	.begin_text = begin_text,
	.text_end = "\"}",
	.parts_end = "\"}]}",
	.tail = tail_of,
	.answer = &openai_answer_form,
};

static int open_conversation(const struct conversation_options *options, struct conversation **ret,
			     struct error *err)
{
	int r = chat_conversation_open(&form, options, ret, err);

	if (r >= 0 && options->instructions)
		(*ret)->last = CHAT_SYSTEM; /* a message as the others are */
	return r;
}

const struct model_format model_format_openai = {
	.name = "openai",
	.open = open_conversation,
	.close = chat_conversation_close,
	.add_attachment = add_attachment,
	.add_user = chat_conversation_add_user,
	.add_assistant = add_assistant,
	.add_result = add_result,
	.add_note = chat_conversation_add_note,
	.add_end = chat_conversation_add_end,
	.path = "/chat/completions",
	.prompt = chat_conversation_prompt,
	.result_bytes_max = CHAT_RESULT_BYTES_MAX,
	.reader_open = chat_conversation_read,
	.reader_close = chat_reader_close,
	.feed = chat_reader_feed,
	.finish = chat_reader_finish,
};
