/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * chat-answer - collects one answer, which is the same in every provider's form: text, calls,
 * whether it has ended (L6).
 *
 * What a document says is the form's, a struct answer_form over a struct of its own that begins
 * with the struct chat_answer.
 *
 * Ownership  It copies what it keeps and moves it into the answer when it ends.
 * Errors     -EPROTO malformed, cut or with too many calls, -EMSGSIZE over a limit, -ENOMEM; each
 *            with a sentence where it takes err.
 * Source     spec/providers.md, "The answer".
 */
#pragma once

#include "l6-agent/model.h"
#include "l6-agent/reply-text.h"

struct yyjson_val;

enum { CHAT_ANSWER_CALLS_MAX = 128, CHAT_ANSWER_WORD_BYTES_MAX = 512 };

/* What the reader has to know of the conversation. */
struct answer_view {
	size_t calls;         /* it holds; made ids go on from there */
	bool reasoning_back;  /* thinking is kept for the way back */
	const char *provider; /* its name */
};

/* answer is the form's own struct. */
struct answer_form {
	size_t size;
	void (*init)(void *answer);
	/* Takes one document, borrowed; *ret_done is set by the one that ends a stream. */
	int (*take)(void *answer, struct yyjson_val *document, bool *ret_done, struct error *err);
	/* Adds to made, which has its calls, what goes back with them, and what was used up. */
	int (*settle)(void *answer, struct answer *made);
	void (*fini)(void *answer);
};

struct chat_call {
	int64_t index; /* the provider's; -1 when it gave none */
	struct buf id, name, arguments;
	struct buf extra; /* what else it wants back with the call, JSON */
};

struct chat_answer {
	const struct answer_form *form;
	struct answer_view view;
	struct reply_text reply;
	struct chat_call *calls;
	size_t n_calls;
	bool has_stop, has_message; /* has_message: something of an answer came */
	enum answer_stop stop;
};

/* NULL: out of memory. What view and options point at is borrowed. */
struct chat_answer *chat_answer_new(const struct answer_form *form, const struct answer_view *view,
				    const struct reply_options *options);
void chat_answer_free(struct chat_answer *answer);

/* Begins one more call; -E2BIG over CHAT_ANSWER_CALLS_MAX. *ret is borrowed. */
must_check int chat_answer_call(struct chat_answer *answer, int64_t index, size_t name_bytes_max,
				struct chat_call **ret);

/* ended says that the provider itself marked the end. */
must_check int chat_answer_finish(struct chat_answer *answer, bool ended, struct answer *ret,
				  struct error *err);

/* The sentence for what taking a part of an answer returned. */
must_check int chat_answer_explain(int r, struct error *err);
