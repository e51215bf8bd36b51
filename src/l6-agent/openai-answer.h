/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * openai-answer - collects one answer from the JSON documents of chat completions (L6).
 *
 * Takes chunks (choices[].delta) and whole answers (choices[].message) alike.
 *
 * Ownership  The collector copies what it keeps and moves it into the answer when it ends.
 * Errors     -EPROTO malformed or cut, -EMSGSIZE over a limit, -ENOMEM.
 */
#pragma once

#include "l6-agent/chat-reader.h"

struct reply_options;

/*
 * Stands in front of what goes back to its provider (struct answer, carried), a JSON object:
 * {"provider":N,"reasoning":"…","extra":[…],"details":[…]}; extra: extra_content of each call or
 * null, details: reasoning_details. Only the provider it came from gets it: others refuse fields
 * they do not know.
 */
#define OPENAI_CARRIED "openai "

/* What the reader has to know of the conversation. */
struct openai_view {
	size_t calls;         /* it holds; made ids go on from there */
	bool reasoning_back;  /* thinking is kept for the way back */
	const char *provider; /* its name */
};

/* What options point at is borrowed. */
must_check int openai_answer_new(const struct openai_view *view,
				 const struct reply_options *options, void **ret,
				 struct error *err);

extern const struct chat_form openai_answer_form;
