/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * chunks - where a text is cut for the index (L3). Pure.
 *
 * A chunk has CHUNK_WORDS words, the next begins CHUNK_STEP words behind it; the last takes up to
 * CHUNK_REST words more, so that no tiny one is left over. A run of CHUNK_WORD_BYTES bytes counts
 * as a word, whatever is in it. Where a chunk begins depends on the text before it only: an append
 * changes the last chunk and adds new ones, nothing else.
 *
 * Source     spec/clawfs-store.md, "Chunks".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { CHUNK_WORDS = 800, CHUNK_STEP = 680, CHUNK_REST = 50, CHUNK_WORD_BYTES = 16 };

/*
 * The chunk that begins at start: its length, and with true where the next one begins. False for
 * the last one. start <= length.
 */
bool chunk_next(const char *text, size_t length, size_t start, size_t *ret_length,
		size_t *ret_next);
