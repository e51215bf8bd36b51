/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* openai - writes conversations for OpenAI chat completions and the servers that speak it (L6). */
#include "base/cleanup.h"
#include "base/json-text.h"
#include "l6-agent/chat-bytes.h"
#include "l6-agent/chat-reader.h"
#include "l6-agent/openai-answer.h"
#include "l6-agent/reply-text.h"
#include "l6-agent/tool.h"

#include <string.h>
#include <yyjson.h>

enum { RESULT_BYTES_MAX = 64 * 1024 };

struct conversation {
	struct chat_bytes bytes;
	size_t n_messages, n_calls;
	const struct tool *const *tools;
	size_t n_tools;
	bool reasoning_back;
	const char *provider;
};

static void close_conversation(struct conversation *conversation)
{
	if (!conversation)
		return;
	chat_bytes_close(&conversation->bytes);
	free(conversation);
}
DEFINE_CLEANUP(struct conversation *, close_conversation)

static int add_tool(struct buf *piece, const struct tool *tool)
{
	int r = buf_add_string(piece, "{\"type\":\"function\",\"function\":{\"name\":");

	if (r >= 0)
		r = json_text_string(piece, tool->name);
	if (r >= 0)
		r = buf_add_string(piece, ",\"description\":");
	if (r >= 0)
		r = json_text_string(piece, tool->description);
	if (r >= 0)
		r = buf_add_string(piece, ",\"parameters\":");
	if (r >= 0)
		r = buf_add_string(piece, tool->schema);
	return r < 0 ? r : buf_add_string(piece, "}}");
}

static int add_tools(struct buf *piece, const struct conversation_options *options)
{
	int r = buf_add_string(piece, ",\"tools\":[");

	for (size_t i = 0; i < options->n_tools && r >= 0; i++) {
		if (i > 0)
			r = buf_add_char(piece, ',');
		if (r >= 0)
			r = add_tool(piece, options->tools[i]);
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

static int open_conversation(const struct conversation_options *options, struct conversation **ret,
			     struct error *err)
{
	CLEANUP(close_conversation_ptr) struct conversation *conversation = NULL;
	auto_buf struct buf piece = BUF(1);
	int r;

	conversation = calloc(1, sizeof(*conversation));
	if (!conversation)
		return FAIL(err, -ENOMEM, "out of memory");
	r = chat_bytes_open(&conversation->bytes, options, err);
	if (r < 0)
		return r;
	conversation->tools = options->tools;
	conversation->n_tools = options->n_tools;
	conversation->reasoning_back = options->reasoning_back;
	conversation->provider = options->provider ? options->provider : "";
	conversation->n_messages = options->instructions ? 1 : 0;
	piece = chat_piece(&conversation->bytes);
	r = add_front(&piece, options);
	r = chat_bytes_append(&conversation->bytes, r, &piece, err);
	if (r < 0)
		return r;
	conversation->bytes.front = conversation->bytes.length;
	*ret = TAKE_PTR(conversation);
	return 0;
}

/* Closes the message in piece, appends it and counts it. r is what building it returned. */
static int add_message(struct conversation *conversation, int r, struct buf *piece,
		       const char *closing, struct error *err)
{
	if (r >= 0)
		r = buf_add_string(piece, closing);
	r = chat_bytes_append(&conversation->bytes, r, piece, err);
	if (r >= 0)
		conversation->n_messages++;
	return r;
}

static int open_message(const struct conversation *conversation, struct buf *piece,
			const char *opening)
{
	int r = conversation->n_messages > 0 ? buf_add_char(piece, ',') : 0;

	return r < 0 ? r : buf_add_string(piece, opening);
}

static int add_user(struct conversation *conversation, const char *text, const char *memory,
		    struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = open_message(conversation, &piece, "{\"role\":\"user\",\"content\":\"");

	if (r >= 0 && memory)
		r = chat_add_memory(&piece, memory);
	if (r >= 0)
		r = json_text_escape(&piece, text, strlen(text));
	return add_message(conversation, r, &piece, "\"}", err);
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
	r = add_message(conversation, r, &piece, "}", err);
	if (r >= 0)
		conversation->n_calls += answer->n_calls;
	return r;
}

/* Several servers refuse two messages of the person in a row, so an end is an answer. */
static int add_end(struct conversation *conversation, const char *text, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	auto_buf struct buf bracketed = chat_piece(&conversation->bytes);
	int r = buf_printf(&bracketed, "[%s]", text);

	if (r >= 0)
		r = open_message(conversation, &piece, "{\"role\":\"assistant\",\"content\":");
	if (r >= 0)
		r = json_text_string(&piece, buf_string(&bracketed));
	return add_message(conversation, r, &piece, "}", err);
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
	return add_message(conversation, r, &piece, "\"}", err);
}

/* Several servers refuse a system message after the first one, so a nudge speaks as the user. */
static int add_note(struct conversation *conversation, const char *text, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = open_message(conversation, &piece,
			     "{\"role\":\"user\",\"content\":\"<system_note>");

	if (r >= 0)
		r = json_text_escape(&piece, text, strlen(text));
	return add_message(conversation, r, &piece, "</system_note>\"}", err);
}

static int finish_prompt(struct conversation *conversation, unsigned flags, struct prompt *ret,
			 struct error *err)
{
	bool refuse_tools = conversation->n_tools > 0 && (flags & PROMPT_NO_TOOLS);

	return chat_bytes_prompt(&conversation->bytes,
				 refuse_tools ? "],\"tool_choice\":\"none\"}" : "]}", ret, err);
}

static int open_reader(const struct conversation *conversation, unsigned flags, int status,
		       const char *content_type, const struct answer_sink *sink,
		       struct answer_reader **ret, struct error *err)
{
	const struct openai_view view = { conversation->n_calls, conversation->reasoning_back,
					  conversation->provider };
	const struct reply_options options = {
		.sink = sink,
		.tools = conversation->tools,
		/* without tools nothing printed is a call; one that came as a call is the loop's to
		   refuse */
		.n_tools = flags & PROMPT_NO_TOOLS ? 0 : conversation->n_tools,
		.conversation = { conversation->bytes.fd, conversation->bytes.front,
				  conversation->bytes.length },
	};
	void *answer = NULL;
	int r = openai_answer_new(&view, &options, &answer, err);

	(void)content_type; /* often wrong; the first byte tells */
	return r < 0 ? r : chat_reader_open(&openai_answer_form, answer, status, ret, err);
}

const struct model_format model_format_openai = {
	.name = "openai",
	.open = open_conversation,
	.close = close_conversation,
	.add_user = add_user,
	.add_assistant = add_assistant,
	.add_result = add_result,
	.add_note = add_note,
	.add_end = add_end,
	.path = "/chat/completions",
	.prompt = finish_prompt,
	.result_bytes_max = RESULT_BYTES_MAX,
	.reader_open = open_reader,
	.reader_close = chat_reader_close,
	.feed = chat_reader_feed,
	.finish = chat_reader_finish,
};
