/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * llm-state - computed prefixes on disk, so that a prompt's stable front is computed once (L6).
 *
 * A file holds the context's numbers for one token sequence; its name and its head carry SHA-256 of
 * (model id, prefix bytes), the model id covers the file, the engine and the number formats. Files
 * are replaced whole and checked before use, tokens included; one that does not fit is removed and
 * counts as absent. Of more than the limit the least recently used goes. A shared folder holds
 * states made at set-up; it is only read.
 *
 * Errors     -EIO and the like from the disk; the caller may go on without a kept state.
 * Source     spec/local-model.md section 3.
 */
#pragma once

#include "base/error.h"
#include "base/sha256.h"
#include "l6-agent/llm-config.h"
#include "l6-agent/llm-weights.h"

struct llm_store {
	int own_fd, shared_fd; /* shared_fd: -1 without one */
	size_t states_max;     /* at most LLM_STATES_MAX */
};

/* What keys a prefix (its bytes) of this model (llm_weights_identify). */
void llm_state_key(const uint8_t id[SHA256_BYTES], const char *prefix, size_t length,
		   uint8_t ret[SHA256_BYTES]);

/* The number of tokens of a kept prefix, 0 when there is none; looks at the head only. */
size_t llm_state_is_kept(const struct llm_store *store, const uint8_t key[SHA256_BYTES]);

/* Writes what the context holds now, which must be exactly the prefix of that key. */
must_check int llm_state_keep(const struct llm_store *store, const uint8_t key[SHA256_BYTES],
			      struct llm_weights *weights, struct error *err);

enum llm_state_found { LLM_STATE_ABSENT, LLM_STATE_RESTORED };

/* Fills the context with the kept state of these tokens, if there is one: its own, or the shared.
 */
must_check int llm_state_restore(const struct llm_store *store, const uint8_t key[SHA256_BYTES],
				 struct llm_weights *weights, const llama_token *tokens, size_t n,
				 enum llm_state_found *ret, struct error *err);

/*
 * What the context held last, kept when the weights leave memory: a conversation then goes on
 * without being computed anew. Its tokens are whatever the conversation was, so the folder is the
 * daemon's own.
 */
must_check int llm_state_keep_last(const struct llm_store *store, struct llm_weights *weights,
				   struct error *err);
must_check int llm_state_restore_last(const struct llm_store *store, struct llm_weights *weights,
				      enum llm_state_found *ret, struct error *err);

struct llm_state_row {
	char name[SHA256_HEX_BYTES];
	uint64_t tokens, bytes;
	int64_t used_ns; /* when last used */
};

/* What is kept of its own, most recently used first; returns how many rows were filled. */
must_check int llm_state_list(const struct llm_store *store,
			      struct llm_state_row rows[LLM_STATES_MAX + 1], struct error *err);
