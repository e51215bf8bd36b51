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

#include "l6-agent/chat-answer.h"

/* Stands in front of the thinking blocks that go back (struct answer, carried), a JSON list. */
#define ANTHROPIC_CARRIED "anthropic "

extern const struct answer_form anthropic_answer_form;
