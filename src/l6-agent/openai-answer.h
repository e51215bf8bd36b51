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

#include "l6-agent/chat-answer.h"

/*
 * Stands in front of what goes back to its provider (struct answer, carried), a JSON object:
 * {"provider":N,"reasoning":"…","extra":[…],"details":[…]}; extra: extra_content of each call or
 * null, details: reasoning_details. Only the provider it came from gets it: others refuse fields
 * they do not know.
 */
#define OPENAI_CARRIED "openai "

extern const struct answer_form openai_answer_form;
