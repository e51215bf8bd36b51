/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * anthropic-answer - collects one answer from the JSON documents of Anthropic's messages (L6).
 *
 * Takes the events of a stream (message_start, content_block_*, message_delta …) and whole messages
 * alike.
 *
 * Ownership  The collector copies what it keeps and moves it into the answer when it ends.
 * Errors     -EPROTO malformed or cut, -EMSGSIZE over a limit, -ENOMEM.
 * Source     spec/providers.md, "Anthropic messages".
 */
#pragma once

#include "l6-agent/chat-reader.h"

struct reply_options;

/* Stands in front of the thinking blocks that go back (struct answer, carried), a JSON list. */
#define ANTHROPIC_CARRIED "anthropic "

/* calls_before counts the conversation's calls. What options point at is borrowed. */
must_check int anthropic_answer_new(size_t calls_before, const struct reply_options *options,
				    void **ret, struct error *err);

extern const struct chat_form anthropic_answer_form;
