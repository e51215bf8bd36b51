/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * anthropic - writes conversations for Anthropic's messages (L6).
 *
 * The last block of the final bytes is left open: the next piece closes it, or the tail of a prompt
 * does and puts the mark of the cache there. So what is final never changes, and the mark always
 * stands at the end of what was said.
 */
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/json-text.h"
#include "l6-agent/anthropic-answer.h"
#include "l6-agent/attachment.h"
#include "l6-agent/chat-conversation.h"

#include <string.h>

enum { ANSWER_TOKENS_DEFAULT = 16384, ID_BYTES_MAX = 48 };

#define CACHE_MARK ",\"cache_control\":{\"type\":\"ephemeral\"}"

static int add_tools(struct buf *piece, const struct conversation_options *options)
{
	int r = buf_add_string(piece, ",\"tools\":[");

	for (size_t i = 0; i < options->n_tools && r >= 0; i++) {
		r = buf_add_string(piece, i > 0 ? ",{" : "{");
		if (r >= 0)
			r = chat_add_tool(piece, options->tools[i], "input_schema");
		/* without instructions the tools are the end of what never changes */
		if (r >= 0 && i + 1 == options->n_tools && !options->instructions)
			r = buf_add_string(piece, CACHE_MARK);
		if (r >= 0)
			r = buf_add_char(piece, '}');
	}
	return r < 0 ? r : buf_add_char(piece, ']');
}

static int add_front(struct buf *piece, const struct conversation_options *options)
{
	uint64_t tokens = options->max_tokens ? options->max_tokens : ANSWER_TOKENS_DEFAULT;
	int r = buf_add_string(piece, "{\"model\":");

	if (r >= 0)
		r = json_text_string(piece, options->model);
	if (r >= 0)
		r = buf_printf(piece, ",\"max_tokens\":%llu,\"stream\":%s",
			       (unsigned long long)tokens, options->stream ? "true" : "false");
	if (r >= 0 && options->n_tools > 0)
		r = add_tools(piece, options);
	if (r >= 0 && options->instructions) {
		r = buf_add_string(piece, ",\"system\":[{\"type\":\"text\",\"text\":");
		if (r >= 0)
			r = json_text_string(piece, options->instructions);
		if (r >= 0)
			r = buf_add_string(piece, CACHE_MARK "}]");
	}
	return r < 0 ? r : buf_add_string(piece, ",\"messages\":[");
}

/*
 * Closes the block before and begins one of this role: in the same message, because roles have to
 * take turns and the results of one answer have to stand together.
 */
static int begin_block(enum chat_role before, enum chat_role role, struct buf *piece,
		       const char *opening)
{
	int r = 0;

	if (before == role)
		r = buf_add_string(piece, "},");
	else if (before != CHAT_NOBODY)
		r = buf_add_string(piece, "}]},");
	if (r >= 0 && before != role)
		r = buf_add_string(piece, role == CHAT_USER
						  ? "{\"role\":\"user\",\"content\":["
						  : "{\"role\":\"assistant\",\"content\":[");
	return r < 0 ? r : buf_add_string(piece, opening);
}

static int begin_text(const struct conversation *conversation, enum chat_role role,
		      struct buf *piece)
{
	return begin_block(conversation->last, role, piece, "{\"type\":\"text\",\"text\":\"");
}

/* Ids have an alphabet and must not come twice; one that Anthropic made is both. */
static int add_id(struct buf *piece, const char *id, size_t nth_answer)
{
	static const char own[] = "toolu_";
	int r = chat_add_name(piece, id, ID_BYTES_MAX);

	if (r < 0 || strncmp(id, own, sizeof(own) - 1) == 0)
		return r;
	return buf_printf(piece, "_%zu", nth_answer);
}

static int add_call(enum chat_role before, struct buf *piece, const struct tool_call *call,
		    size_t nth_answer)
{
	int r = begin_block(before, CHAT_ASSISTANT, piece, "{\"type\":\"tool_use\",\"id\":\"");

	if (r >= 0)
		r = add_id(piece, call->id, nth_answer);
	if (r >= 0)
		r = buf_add_string(piece, "\",\"name\":\"");
	if (r >= 0)
		r = chat_add_name(piece, call->name, CHAT_NAME_BYTES_MAX);
	if (r >= 0)
		r = buf_add_string(piece, "\",\"input\":");
	return r < 0 ? r : chat_add_arguments(piece, call->arguments);
}

/* Signed thinking goes back in front of the calls it led to; it is a list in brackets. */
static int add_carried(enum chat_role *before, struct buf *piece, const char *carried)
{
	static const size_t front = sizeof(ANTHROPIC_CARRIED) - 1;
	size_t length;
	int r;

	if (!carried || strncmp(carried, ANTHROPIC_CARRIED "[{", front + 2) != 0)
		return 0;
	length = strlen(carried);
	r = begin_block(*before, CHAT_ASSISTANT, piece, "");
	if (r >= 0) /* without [ in front, }] behind */
		r = buf_add(piece, carried + front + 1, length - front - 3);
	*before = CHAT_ASSISTANT;
	return r;
}

static int add_text(enum chat_role *before, struct buf *piece, const char *text)
{
	int r = begin_block(*before, CHAT_ASSISTANT, piece, "{\"type\":\"text\",\"text\":");

	*before = CHAT_ASSISTANT;
	return r < 0 ? r : json_text_string(piece, text);
}

static int add_assistant(struct conversation *conversation, const struct answer *answer,
			 struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	bool has_text = answer->text && !chat_is_blank(answer->text);
	enum chat_role before = conversation->last;
	int r;

	r = answer->n_calls > 0 ? add_carried(&before, &piece, answer->carried) : 0;
	if (r >= 0 && (has_text || answer->n_calls == 0))
		r = add_text(&before, &piece, has_text ? answer->text : "(no answer)");
	for (size_t i = 0; i < answer->n_calls && r >= 0; i++) {
		r = add_call(before, &piece, &answer->calls[i], conversation->n_answers + 1);
		before = CHAT_ASSISTANT;
	}
	return chat_conversation_append_answer(conversation, r, &piece, answer, err);
}

static int add_result(struct conversation *conversation, const struct tool_call *call,
		      const char *content, bool ok, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = begin_block(conversation->last, CHAT_USER, &piece,
			    "{\"type\":\"tool_result\",\"tool_use_id\":\"");

	if (r >= 0)
		r = add_id(&piece, call->id, conversation->n_answers);
	if (r >= 0)
		r = buf_add_string(&piece, "\",\"content\":\"");
	if (r >= 0)
		r = chat_add_output(&piece, call->name, content, ok);
	if (r >= 0)
		r = buf_add_string(&piece, ok ? "\"" : "\",\"is_error\":true");
	return chat_conversation_append(conversation, r, &piece, CHAT_USER, err);
}

/* The name, and a block of its own; open, as every last block is. */
static int add_file(enum chat_role before, struct buf *piece, const struct attachment *attachment)
{
	bool is_image = attachment_kind(attachment->type) == ATTACHMENT_IMAGE;
	int r = begin_block(before, CHAT_USER, piece, "{\"type\":\"text\",\"text\":");

	if (r >= 0)
		r = json_text_string(piece, attachment->name);
	if (r >= 0)
		r = buf_printf(
			piece,
			"},{\"type\":\"%s\",\"source\":{\"type\":\"base64\",\"media_type\":\"%s\","
			"\"data\":\"",
			is_image ? "image" : "document", attachment->type);
	if (r >= 0)
		r = base64_add(piece, attachment->bytes, attachment->length);
	return r < 0 ? r : buf_add_string(piece, "\"}");
}

static int add_attachment(struct conversation *conversation, const struct attachment *attachment,
			  struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = add_file(conversation->last, &piece, attachment);

	return chat_conversation_append(conversation, r, &piece, CHAT_USER, err);
}

static const char *tail_of(const struct conversation *conversation, bool refuse_tools)
{
	switch (conversation->last) {
	case CHAT_USER:
		return refuse_tools ? CACHE_MARK "}]}],\"tool_choice\":{\"type\":\"none\"}}"
				    : CACHE_MARK "}]}]}";
	case CHAT_ASSISTANT:
		return refuse_tools ? "}]}],\"tool_choice\":{\"type\":\"none\"}}" : "}]}]}";
	case CHAT_NOBODY:
	case CHAT_SYSTEM:
		break;
	}
	return refuse_tools ? "],\"tool_choice\":{\"type\":\"none\"}}" : "]}";
}

static const struct chat_form form = {
	.add_front = add_front,
	.begin_text = begin_text,
	.text_end = "\"",
	.blank = "(an empty message)", /* a blank text is refused */
	.tail = tail_of,
	.answer = &anthropic_answer_form,
};

static int open_conversation(const struct conversation_options *options, struct conversation **ret,
			     struct error *err)
{
	return chat_conversation_open(&form, options, ret, err);
}

const struct model_format model_format_anthropic = {
	.name = "anthropic",
	.path = "/messages",
	.open = open_conversation,
	.close = chat_conversation_close,
	.add_attachment = add_attachment,
	.add_user = chat_conversation_add_user,
	.add_assistant = add_assistant,
	.add_result = add_result,
	.add_note = chat_conversation_add_note,
	.add_end = chat_conversation_add_end,
	.prompt = chat_conversation_prompt,
	.result_bytes_max = CHAT_RESULT_BYTES_MAX,
	.reader_open = chat_conversation_read,
	.reader_close = chat_reader_close,
	.feed = chat_reader_feed,
	.finish = chat_reader_finish,
};
