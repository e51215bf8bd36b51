/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * identity - the documents that stand in every prompt, joined (L3).
 *
 * AGENTS, SOUL, USER, IDENTITY, MEMORY, in this order, with a line "---" between them. A document
 * that holds only comments (<!-- ... -->), headings and white space is left out. MEMORY.md goes in
 * up to quotas.memory_prompt_bytes, then a line says how much is not shown; what an append adds
 * behind that point leaves the prompt as it is.
 *
 * Source     spec/clawfs-store.md, "Identity".
 */
#pragma once

#include "l3-clawfs/documents.h"

/*
 * Adds the text to out and calls on_document for each document that is in it. generation is another
 * number whenever one of the five has changed.
 */
must_check int identity_read(struct store *store, int64_t owner, struct buf *out,
			     int64_t *ret_generation, document_fn on_document, void *data,
			     struct error *err);

/* True when a text says nothing: comments, headings, white space. */
bool identity_is_empty(const char *text, size_t length);
