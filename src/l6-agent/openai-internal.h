/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* openai-internal - what the halves of model_format_openai share: writer, reader (L6). */
#pragma once

#include "l6-agent/model.h"

/* Tool calls the conversation holds; made ids go on counting from there. */
size_t openai_calls_so_far(const struct conversation *conversation);

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
