/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * openai-answer - collects one answer from the JSON documents of chat completions (L6).
 *
 * Takes chunks (choices[].delta) and whole answers (choices[].message) alike.
 *
 * Ownership  The collector copies what it keeps; openai_answer_finish() moves it into the answer.
 * Errors     -EPROTO malformed or cut, -EMSGSIZE over a limit, -ENOMEM.
 */
#pragma once

#include "l6-agent/model.h"

struct openai_answer;
struct openai_view;
struct reply_options;
struct yyjson_val;

/* What options point at is borrowed. */
must_check int openai_answer_new(const struct openai_view *view,
				 const struct reply_options *options, struct openai_answer **ret,
				 struct error *err);
void openai_answer_free(struct openai_answer *answer);

/* Takes one document: a chunk of the stream, or the whole answer. document is borrowed. */
must_check int openai_answer_take(struct openai_answer *answer, struct yyjson_val *document,
				  struct error *err);

/* ended says that the provider itself marked the end; else a finish reason has to have come. */
must_check int openai_answer_finish(struct openai_answer *answer, bool ended, struct answer *ret,
				    struct error *err);
