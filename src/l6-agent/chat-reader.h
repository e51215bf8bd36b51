/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * chat-reader - reads a provider's raw answer, streamed or whole, into JSON documents (L6).
 *
 * What is the same for every provider: events, documents, repairs, errors in every shape. What a
 * document says is chat-answer's.
 *
 * Ownership  The reader owns the answer it was opened with.
 * Errors     -EPROTO malformed or cut, -EREMOTEIO the provider's own error, -E2BIG too long for the
 *            model, -ENOMEM. What feed returned once is returned for ever.
 * Source     spec/providers.md, "The answer".
 */
#pragma once

#include "l6-agent/model.h"

struct chat_answer;

/* Takes answer, also when it fails. */
must_check int chat_reader_open(struct chat_answer *answer, int status, struct answer_reader **ret,
				struct error *err);
/* close, feed, finish of model.h. */
void chat_reader_close(struct answer_reader *reader);
must_check int chat_reader_feed(struct answer_reader *reader, const char *bytes, size_t length,
				struct error *err);
must_check int chat_reader_finish(struct answer_reader *reader, struct answer *ret,
				  struct error *err);
