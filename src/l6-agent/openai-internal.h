/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* openai-internal - what the halves of model_format_openai share: writer, reader (L6). */
#pragma once

#include "l6-agent/model.h"

struct reply_options;

/* What the reader has to know of the conversation: the calls it holds, from where made ids go on;
 * the tools that are offered, and where quotations are looked for. */
void openai_describe(const struct conversation *conversation, size_t *ret_calls,
		     struct reply_options *ret);

/* The reader half; contracts in model.h. */
must_check int openai_reader_open(const struct conversation *conversation, unsigned flags,
				  int status, const char *content_type,
				  const struct answer_sink *sink, struct answer_reader **ret,
				  struct error *err);
void openai_reader_close(struct answer_reader *reader);
must_check int openai_reader_feed(struct answer_reader *reader, const char *bytes, size_t length,
				  struct error *err);
must_check int openai_reader_finish(struct answer_reader *reader, struct answer *ret,
				    struct error *err);
