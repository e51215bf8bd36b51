/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/chat-conversation.h"

#include "base/cleanup.h"
#include "base/json-text.h"
#include "l6-agent/chat-answer.h"

#include <string.h>

void chat_conversation_close(struct conversation *conversation)
{
	if (!conversation)
		return;
	chat_bytes_close(&conversation->bytes);
	buf_free(&conversation->parts);
	free(conversation);
}
DEFINE_CLEANUP(struct conversation *, chat_conversation_close)

int chat_conversation_open(const struct chat_form *form, const struct conversation_options *options,
			   struct conversation **ret, struct error *err)
{
	CLEANUP(chat_conversation_close_ptr) struct conversation *conversation = NULL;
	auto_buf struct buf piece = BUF(1);
	int r;

	conversation = calloc(1, sizeof(*conversation));
	if (!conversation)
		return FAIL(err, -ENOMEM, "out of memory");
	r = chat_bytes_open(&conversation->bytes, options, err);
	if (r < 0)
		return r;
	conversation->form = form;
	conversation->tools = options->tools;
	conversation->n_tools = options->n_tools;
	conversation->reasoning_back = options->reasoning_back;
	conversation->provider = options->provider ? options->provider : "";
	piece = chat_piece(&conversation->bytes);
	r = form->add_front(&piece, options);
	r = chat_bytes_append(&conversation->bytes, r, &piece, err);
	if (r < 0)
		return r;
	conversation->bytes.front = conversation->bytes.length;
	conversation->parts = BUF(options->max_bytes);
	*ret = TAKE_PTR(conversation);
	return 0;
}

int chat_conversation_append(struct conversation *conversation, int r, const struct buf *piece,
			     enum chat_role role, struct error *err)
{
	r = chat_bytes_append(&conversation->bytes, r, piece, err);
	if (r >= 0)
		conversation->last = role;
	return r;
}

static int end_text(struct conversation *conversation, int r, struct buf *piece,
		    enum chat_role role, struct error *err)
{
	const struct chat_form *form = conversation->form;
	bool has_parts = conversation->parts.length > 0;

	if (r >= 0)
		r = buf_add_string(piece, has_parts ? form->parts_end : form->text_end);
	buf_free(&conversation->parts);
	return chat_conversation_append(conversation, r, piece, role, err);
}

int chat_conversation_add_user(struct conversation *conversation, const char *text,
			       const char *memory, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = conversation->form->begin_text(conversation, CHAT_USER, &piece);

	if (r >= 0 && memory)
		r = chat_add_memory(&piece, memory);
	if (conversation->form->blank && chat_is_blank(text))
		text = conversation->form->blank;
	if (r >= 0)
		r = json_text_escape(&piece, text, strlen(text));
	return end_text(conversation, r, &piece, CHAT_USER, err);
}

static int add_between(struct conversation *conversation, enum chat_role role,
		       const char *const marks[2], const char *text, struct error *err)
{
	auto_buf struct buf piece = chat_piece(&conversation->bytes);
	int r = conversation->form->begin_text(conversation, role, &piece);

	if (r >= 0)
		r = buf_add_string(&piece, marks[0]);
	if (r >= 0)
		r = json_text_escape(&piece, text, strlen(text));
	if (r >= 0)
		r = buf_add_string(&piece, marks[1]);
	return end_text(conversation, r, &piece, role, err);
}

/* Several servers refuse a system message after the first one, so a nudge speaks as the user. */
int chat_conversation_add_note(struct conversation *conversation, const char *text,
			       struct error *err)
{
	static const char *const marks[2] = { "<system_note>", "</system_note>" };

	return add_between(conversation, CHAT_USER, marks, text, err);
}

/* Several servers refuse two messages of the person in a row, so an end is an answer. */
int chat_conversation_add_end(struct conversation *conversation, const char *text,
			      struct error *err)
{
	static const char *const marks[2] = { "[", "]" };

	return add_between(conversation, CHAT_ASSISTANT, marks, text, err);
}

int chat_conversation_append_answer(struct conversation *conversation, int r,
				    const struct buf *piece, const struct answer *answer,
				    struct error *err)
{
	r = chat_conversation_append(conversation, r, piece, CHAT_ASSISTANT, err);
	if (r >= 0) {
		conversation->n_calls += answer->n_calls;
		conversation->n_answers++;
	}
	return r;
}

int chat_conversation_prompt(struct conversation *conversation, unsigned flags, struct prompt *ret,
			     struct error *err)
{
	bool refuse_tools = conversation->n_tools > 0 && (flags & PROMPT_NO_TOOLS);

	return chat_bytes_prompt(&conversation->bytes,
				 conversation->form->tail(conversation, refuse_tools), ret, err);
}

int chat_conversation_read(const struct conversation *conversation, unsigned flags, int status,
			   const char *content_type, const struct answer_sink *sink,
			   struct answer_reader **ret, struct error *err)
{
	const struct answer_view view = { conversation->n_calls, conversation->reasoning_back,
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
	struct chat_answer *answer = chat_answer_new(conversation->form->answer, &view, &options);

	(void)content_type; /* often wrong; the first byte tells */
	return answer ? chat_reader_open(answer, status, ret, err)
		      : FAIL(err, -ENOMEM, "out of memory");
}
