/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* local-internal - what the files of model_format_local share (L6). Contracts: model.h. */
#pragma once

#include "l6-agent/model.h"

enum {
	/* About 400 tokens: more than that a small model does not take in. */
	LOCAL_RESULT_BYTES_MAX = 1600,
	/* The most tokens an answer may have. */
	LOCAL_ANSWER_TOKENS_MAX = 1024,
};

/* The reader's part of model_format_local: reader_open, reader_close, feed, finish of model.h. */
int local_reader_open(const struct conversation *conversation, unsigned flags, int status,
		      const char *content_type, const struct answer_sink *sink,
		      struct answer_reader **ret, struct error *err);
void local_reader_close(struct answer_reader *reader);
/* -EPROTO when the bytes are no reply; text of an answer goes to the sink. */
int local_reader_feed(struct answer_reader *reader, const char *bytes, size_t length,
		      struct error *err);
/* The answer; -EPROTO when it ends within a call. */
int local_reader_finish(struct answer_reader *reader, struct answer *ret, struct error *err);
