/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * anthropic - writes conversations for Anthropic's messages (L6).
 *
 * The last block of the final bytes is left open: the next piece closes it, or the tail of a prompt
 * does and puts the mark of the cache there. So what is final never changes, and the mark always
 * stands at the end of what was said.
 */
#include "base/cleanup.h"
#include "base/json-text.h"
#include "l6-agent/anthropic-answer.h"
#include "l6-agent/chat-bytes.h"
#include "l6-agent/reply-text.h"
#include "l6-agent/tool.h"

#include <string.h>

enum { RESULT_BYTES_MAX = 64 * 1024, ANSWER_TOKENS_DEFAULT = 16384, ID_BYTES_MAX = 48 };

#define CACHE_MARK ",\"cache_control\":{\"type\":\"ephemeral\"}"

enum role { ROLE_NONE, ROLE_USER, ROLE_ASSISTANT };

struct conversation {
	struct chat_bytes bytes;
	const struct tool *const *tools;
	size_t n_tools;
	size_t n_calls, n_answers;
	enum role open; /* whose message the last block belongs to */
};

static void close_conversation(struct conversation *conversation)
{
	if (!conversation)
		return;
	chat_bytes_close(&conversation->bytes);
	free(conversation);
}
DEFINE_CLEANUP(struct conversation *, close_conversation)

static int add_tools(struct buf *piece, const struct conversation_options *options)
{
	int r = buf_add_string(piece, ",\"tools\":[");

	for (size_t i = 0; i < options->n_tools && r >= 0; i++) {
		const struct tool *tool = options->tools[i];

		r = buf_add_string(piece, i > 0 ? ",{\"name\":" : "{\"name\":");
		if (r >= 0)
			r = json_text_string(piece, tool->name);
		if (r >= 0)
			r = buf_add_string(piece, ",\"description\":");
		if (r >= 0)
			r = json_text_string(piece, tool->description);
		if (r >= 0)
			r = buf_printf(piece, ",\"input_schema\":%s", tool->schema);
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
	piece = chat_piece(&conversation->bytes);
	r = add_front(&piece, options);
	r = chat_bytes_append(&conversation->bytes, r, &piece, err);
	if (r < 0)
		return r;
	conversation->bytes.front = conversation->bytes.length;
	*ret = TAKE_PTR(conversation);
	return 0;
}

/*
 * Closes the block before and begins one of this role: in the same message, because roles have to
 * take turns and the results of one answer have to stand together.
 */
static int begin_block(enum role before, enum role role, struct buf *piece, const char *opening)
{
	int r = 0;

	if (before == role)
		r = buf_add_string(piece, "},");
	else if (before != ROLE_NONE)
		r = buf_add_string(piece, "}]},");
	if (r >= 0 && before != role)
		r = buf_add_string(piece, role == ROLE_USER
						  ? "{\"role\":\"user\",\"content\":["
						  : "{\"role\":\"assistant\",\"content\":[");
	return r < 0 ? r : buf_add_string(piece, opening);
}

static int append(struct conversation *conversation, int r, const struct buf *piece, enum role role,
		  struct error *err)
{
	r = chat_bytes_append(&conversation->bytes, r, piece, err);
	if (r >= 0)
		conversation->open = role;
	return r;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static int add_user(struct conversation *conversation, const char *text, const char *memory,
		    struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = begin_block(conversation->open, ROLE_USER, &piece,
			    "{\"type\":\"text\",\"text\":\"");

	if (r >= 0 && memory)
		r = chat_add_memory(&piece, memory);
	if (r >= 0 && is_blank(text)) /* a blank text is refused */
		text = "(an empty message)";
	if (r >= 0)
		r = json_text_escape(&piece, text, strlen(text));
	if (r >= 0)
		r = buf_add_char(&piece, '"');
	return append(conversation, r, &piece, ROLE_USER, err);
}

/* Ids have an alphabet and must not come twice; one that Anthropic made is both. */
static int add_id(const struct conversation *conversation, struct buf *piece, const char *id)
{
	static const char own[] = "toolu_";
	int r = chat_add_name(piece, id, ID_BYTES_MAX);

	if (r < 0 || strncmp(id, own, sizeof(own) - 1) == 0)
		return r;
	return buf_printf(piece, "_%zu", conversation->n_answers);
}

static int add_call(const struct conversation *conversation, enum role before, struct buf *piece,
		    const struct tool_call *call)
{
	int r = begin_block(before, ROLE_ASSISTANT, piece, "{\"type\":\"tool_use\",\"id\":\"");

	if (r >= 0)
		r = add_id(conversation, piece, call->id);
	if (r >= 0)
		r = buf_add_string(piece, "\",\"name\":\"");
	if (r >= 0)
		r = chat_add_name(piece, call->name, CHAT_NAME_BYTES_MAX);
	if (r >= 0)
		r = buf_add_string(piece, "\",\"input\":");
	return r < 0 ? r : chat_add_arguments(piece, call->arguments);
}

/* Signed thinking goes back in front of the calls it led to; it is a list in brackets. */
static int add_carried(enum role *before, struct buf *piece, const char *carried)
{
	static const size_t front = sizeof(ANTHROPIC_CARRIED) - 1;
	size_t length;
	int r;

	if (!carried || strncmp(carried, ANTHROPIC_CARRIED "[{", front + 2) != 0)
		return 0;
	length = strlen(carried);
	r = begin_block(*before, ROLE_ASSISTANT, piece, "");
	if (r >= 0) /* without [ in front, }] behind */
		r = buf_add(piece, carried + front + 1, length - front - 3);
	*before = ROLE_ASSISTANT;
	return r;
}

static int add_text(enum role *before, struct buf *piece, const char *text)
{
	int r = begin_block(*before, ROLE_ASSISTANT, piece, "{\"type\":\"text\",\"text\":");

	*before = ROLE_ASSISTANT;
	return r < 0 ? r : json_text_string(piece, text);
}

static int add_assistant(struct conversation *conversation, const struct answer *answer,
			 struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	bool has_text = answer->text && !is_blank(answer->text);
	enum role before = conversation->open;
	int r;

	conversation->n_answers++;
	r = answer->n_calls > 0 ? add_carried(&before, &piece, answer->carried) : 0;
	if (r >= 0 && (has_text || answer->n_calls == 0))
		r = add_text(&before, &piece, has_text ? answer->text : "(no answer)");
	for (size_t i = 0; i < answer->n_calls && r >= 0; i++) {
		r = add_call(conversation, before, &piece, &answer->calls[i]);
		before = ROLE_ASSISTANT;
	}
	r = append(conversation, r, &piece, ROLE_ASSISTANT, err);
	if (r >= 0)
		conversation->n_calls += answer->n_calls;
	else
		conversation->n_answers--;
	return r;
}

static int add_end(struct conversation *conversation, const char *text, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	auto_buf struct buf bracketed = chat_piece(&conversation->bytes);
	enum role before = conversation->open;
	int r = buf_printf(&bracketed, "[%s]", text);

	if (r >= 0)
		r = add_text(&before, &piece, buf_string(&bracketed));
	return append(conversation, r, &piece, ROLE_ASSISTANT, err);
}

static int add_result(struct conversation *conversation, const struct tool_call *call,
		      const char *content, bool ok, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = begin_block(conversation->open, ROLE_USER, &piece,
			    "{\"type\":\"tool_result\",\"tool_use_id\":\"");

	if (r >= 0)
		r = add_id(conversation, &piece, call->id);
	if (r >= 0)
		r = buf_add_string(&piece, "\",\"content\":\"");
	if (r >= 0)
		r = chat_add_output(&piece, call->name, content, ok);
	if (r >= 0)
		r = buf_add_string(&piece, ok ? "\"" : "\",\"is_error\":true");
	return append(conversation, r, &piece, ROLE_USER, err);
}

static int add_note(struct conversation *conversation, const char *text, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = begin_block(conversation->open, ROLE_USER, &piece,
			    "{\"type\":\"text\",\"text\":\"<system_note>");

	if (r >= 0)
		r = json_text_escape(&piece, text, strlen(text));
	if (r >= 0)
		r = buf_add_string(&piece, "</system_note>\"");
	return append(conversation, r, &piece, ROLE_USER, err);
}

static const char *tail_of(const struct conversation *conversation, bool refuse_tools)
{
	switch (conversation->open) {
	case ROLE_USER:
		return refuse_tools ? CACHE_MARK "}]}],\"tool_choice\":{\"type\":\"none\"}}"
				    : CACHE_MARK "}]}]}";
	case ROLE_ASSISTANT:
		return refuse_tools ? "}]}],\"tool_choice\":{\"type\":\"none\"}}" : "}]}]}";
	case ROLE_NONE:
		break;
	}
	return refuse_tools ? "],\"tool_choice\":{\"type\":\"none\"}}" : "]}";
}

static int finish_prompt(struct conversation *conversation, unsigned flags, struct prompt *ret,
			 struct error *err)
{
	bool refuse_tools = conversation->n_tools > 0 && (flags & PROMPT_NO_TOOLS);

	return chat_bytes_prompt(&conversation->bytes, tail_of(conversation, refuse_tools), ret,
				 err);
}

static int open_reader(const struct conversation *conversation, unsigned flags, int status,
		       const char *content_type, const struct answer_sink *sink,
		       struct answer_reader **ret, struct error *err)
{
	const struct reply_options options = {
		.sink = sink,
		.tools = conversation->tools,
		.n_tools = flags & PROMPT_NO_TOOLS ? 0 : conversation->n_tools,
		.conversation = { conversation->bytes.fd, conversation->bytes.front,
				  conversation->bytes.length },
	};
	void *answer = NULL;
	int r = anthropic_answer_new(conversation->n_calls, &options, &answer, err);

	(void)content_type; /* the first byte tells */
	return r < 0 ? r : chat_reader_open(&anthropic_answer_form, answer, status, ret, err);
}

const struct model_format model_format_anthropic = {
	.name = "anthropic",
	.path = "/messages",
	.open = open_conversation,
	.close = close_conversation,
	.add_user = add_user,
	.add_assistant = add_assistant,
	.add_result = add_result,
	.add_note = add_note,
	.add_end = add_end,
	.prompt = finish_prompt,
	.result_bytes_max = RESULT_BYTES_MAX,
	.reader_open = open_reader,
	.reader_close = chat_reader_close,
	.feed = chat_reader_feed,
	.finish = chat_reader_finish,
};
