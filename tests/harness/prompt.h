/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* prompt - a conversation and the bytes of its prompt, for a test to look at. */
#pragma once

#include "l6-agent/model.h"

/* Fails the test unless it opens. The caller closes. */
struct conversation *prompt_open(const struct model_format *format,
				 const struct conversation_options *options);

/* Fails the test unless they are JSON, as long as was said and have the hash that was said. The
 * caller frees. */
char *prompt_body(const struct model_format *format, struct conversation *conversation,
		  unsigned flags);
