/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * reply-text - what a model says in words, taken apart: answer, thinking, printed calls (L6).
 *
 * The same for every provider's form: text goes in as it comes, the answer's text goes to the sink,
 * thinking to the sink's reasoning, and calls at the end of the message are found.
 *
 * Ownership  Embedded; reply_text_init/_fini. What options point at is borrowed until then.
 * Errors     -ENOMEM, -EMSGSIZE over REPLY_TEXT_BYTES_MAX.
 * Source     spec/providers.md, "Calls printed as text".
 */
#pragma once

#include "l6-agent/model.h"
#include "l6-agent/printed.h"
#include "l6-agent/quoted.h"
#include "l6-agent/think-split.h"

enum { REPLY_TEXT_BYTES_MAX = 8 * 1024 * 1024 };

struct reply_options {
	const struct answer_sink *sink;
	const struct tool *const *tools; /* that may be called now */
	size_t n_tools;
	struct quoted_in conversation; /* a call that stands in it is a quotation */
};

struct reply_text {
	struct reply_options options;
	struct think_sink think_sink;
	struct think_split split;
	struct printed printed;
	struct buf text;
	struct printed_call *calls;
	size_t n_calls;
};

void reply_text_init(struct reply_text *reply, const struct reply_options *options);
void reply_text_fini(struct reply_text *reply);

/* A string of an answer becomes a C string later, so a NUL in it becomes U+FFFD. */
must_check int reply_add_clean(struct buf *buf, const char *text, size_t length);

/* text is UTF-8, whole characters. */
must_check int reply_text_feed(struct reply_text *reply, const char *text, size_t length);
/* Thinking that the provider marked as such. */
void reply_text_thinking(struct reply_text *reply, const char *text, size_t length);

/*
 * The message has ended. answer holds the calls that came as calls (their ids may be NULL or given
 * twice) and the provider's reason to stop, and is made final: with its text, the printed calls
 * when there are no others, names and arguments as far as they can mean one thing only, ids that
 * differ, and a stop that says whether there are calls. calls_before counts the conversation's.
 */
must_check int reply_text_finish(struct reply_text *reply, size_t calls_before,
				 struct answer *answer);
