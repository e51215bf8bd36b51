/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * context - what stands in front of a question: rules, identity documents, memory found for it
 * (L6).
 *
 * The stable front (rules, then the identity documents of clawfsd) is kept in agent->front and
 * changes only when the documents' generation does.
 *
 * Ownership  The fetch is gone after on_done or context_cancel().
 * Errors     Without the identity documents there is no prompt: on_done gets the sentence. A search
 *            that fails is no reason to be silent: memory is then NULL and note says why.
 * Source     spec/varlink/io.clawos.Fs.varlink (Search)
 */
#pragma once

#include "l6-agent/agent.h"
#include "l6-agent/leak-text.h"

struct context_fetch;

struct context_result {
	int code; /* 0 or -errno with err */
	struct error err;
	char *memory; /* text found for the message, NULL: none; taken by the receiver or freed */
	char note[ERROR_TEXT_BYTES]; /* why memory could not be searched; "" */
	struct label_set labels;     /* of that memory and of the identity documents */
	struct leak_tally leaks;     /* what was replaced in that memory */
};

typedef void (*context_done_fn)(struct context_result *result, void *data);

/* on_done is never called from within context_start(). */
must_check int context_start(struct agent *agent, const char *message, context_done_fn on_done,
			     void *data, struct context_fetch **ret, struct error *err);
void context_cancel(struct context_fetch *fetch); /* NULL-tolerant */
