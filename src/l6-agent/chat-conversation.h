/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * chat-conversation - a conversation with a remote provider: how it opens, becomes a prompt and is
 * answered, which is the same in every provider's form (L6).
 *
 * A form writes its own messages with chat-bytes and appends them here; what its bytes begin and
 * end with stands in its struct chat_form.
 *
 * Ownership  As model.h says.
 * Errors     As chat-bytes.
 * Source     spec/providers.md.
 */
#pragma once

#include "l6-agent/chat-bytes.h"
#include "l6-agent/chat-reader.h"

struct answer_form;

enum { CHAT_RESULT_BYTES_MAX = 64 * 1024 };

/* On whose side a message stands; results stand on the person's. Instructions that are a message of
 * their own are the system's. */
enum chat_role { CHAT_NOBODY, CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

struct chat_form {
	/* Everything in front of the first message of the person. */
	int (*add_front)(struct buf *piece, const struct conversation_options *options);
	/* Begins a text of role, inside a JSON string, and what ends it. */
	int (*begin_text)(const struct conversation *conversation, enum chat_role role,
			  struct buf *piece);
	const char *text_end, *parts_end; /* the second behind parts */
	const char *blank;                /* stands for a blank message; NULL: it may stay blank */
	/* What ends a prompt: at most CHAT_TAIL_BYTES_MAX bytes. */
	const char *(*tail)(const struct conversation *conversation, bool refuse_tools);
	const struct answer_form *answer; /* chat-answer.h */
};

struct conversation {
	const struct chat_form *form;
	struct chat_bytes bytes;
	/* of its options */
	const struct tool *const *tools;
	size_t n_tools;
	bool reasoning_back;
	const char *provider; /* never NULL */
	/* of what was appended */
	size_t n_calls, n_answers;
	enum chat_role last; /* whose message was the last */
	struct buf parts;    /* files of the message that comes next, each with a comma */
};

must_check int chat_conversation_open(const struct chat_form *form,
				      const struct conversation_options *options,
				      struct conversation **ret, struct error *err);
/* close, add_user, add_note, add_end, prompt, reader_open of model.h. */
void chat_conversation_close(struct conversation *conversation);
must_check int chat_conversation_add_user(struct conversation *conversation, const char *text,
					  const char *memory, struct error *err);
must_check int chat_conversation_add_note(struct conversation *conversation, const char *text,
					  struct error *err);
must_check int chat_conversation_add_end(struct conversation *conversation, const char *text,
					 struct error *err);
must_check int chat_conversation_prompt(struct conversation *conversation, unsigned flags,
					struct prompt *ret, struct error *err);
must_check int chat_conversation_read(const struct conversation *conversation, unsigned flags,
				      int status, const char *content_type,
				      const struct answer_sink *sink, struct answer_reader **ret,
				      struct error *err);

/* Makes piece, a message of role, final. r is what building the piece returned. */
must_check int chat_conversation_append(struct conversation *conversation, int r,
					const struct buf *piece, enum chat_role role,
					struct error *err);
/* The same for an answer, whose calls count. */
must_check int chat_conversation_append_answer(struct conversation *conversation, int r,
					       const struct buf *piece, const struct answer *answer,
					       struct error *err);
