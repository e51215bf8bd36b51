/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* openai-internal - what the halves of model_format_openai share: writer, reader (L6). */
#pragma once

#include "l6-agent/model.h"

struct reply_options;

/* Stands in front of thinking that goes back to its provider (struct answer, carried). */
#define OPENAI_CARRIED "openai "

struct openai_view {
	size_t calls;        /* the conversation holds; made ids go on from there */
	bool reasoning_back; /* thinking is kept for the way back */
};

/* What the reader has to know of the conversation; ret: the tools that are offered, and where
 * quotations are looked for. */
void openai_describe(const struct conversation *conversation, struct openai_view *ret_view,
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
