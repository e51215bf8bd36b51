/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * chat-reader - reads a provider's raw answer, streamed or whole, into JSON documents (L6).
 *
 * What is the same for every provider: events, documents, repairs, errors in every shape. What a
 * document says is the form's.
 *
 * Ownership  The reader owns the answer it was opened with.
 * Errors     -EPROTO malformed or cut, -EREMOTEIO the provider's own error, -E2BIG too long for the
 *            model, -ENOMEM. What feed returned once is returned for ever.
 * Source     spec/providers.md, "The answer".
 */
#pragma once

#include "l6-agent/model.h"

struct yyjson_val;

struct chat_form {
	/* Takes one document, borrowed; *ret_done is set by the one that ends a stream. */
	int (*take)(void *answer, struct yyjson_val *document, bool *ret_done, struct error *err);
	/* ended says that the provider itself marked the end. */
	int (*finish)(void *answer, bool ended, struct answer *ret, struct error *err);
	void (*free)(void *answer); /* NULL-tolerant */
};

/* Takes answer, also when it fails. */
must_check int chat_reader_open(const struct chat_form *form, void *answer, int status,
				struct answer_reader **ret, struct error *err);
/* close, feed, finish of model.h. */
void chat_reader_close(struct answer_reader *reader);
must_check int chat_reader_feed(struct answer_reader *reader, const char *bytes, size_t length,
				struct error *err);
must_check int chat_reader_finish(struct answer_reader *reader, struct answer *ret,
				  struct error *err);
