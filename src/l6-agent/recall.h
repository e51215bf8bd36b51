/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * recall - a thread's conversation, made from its records (L6).
 *
 * There is one way a conversation grows: recall_apply() with a record. The running turn applies the
 * records it appends, and a thread that wakes applies those it reads, so both are the same bytes.
 *
 * Ownership  recall_free(). The format's conversation inside is borrowed by callers.
 * Errors     Those of the format (-EMSGSIZE: the conversation is too long) and of the journal.
 */
#pragma once

#include "l6-agent/journal.h"
#include "l6-agent/model.h"
#include "l6-agent/progress.h"
#include "l6-agent/threads.h"

struct recall;

struct recall_options {
	const struct model_format *format;
	struct conversation_options conversation; /* borrowed during the call */
	unsigned provider;                        /* of the chain; kept for recall_provider() */
	uint64_t system_id; /* tells one system text from another; kept for recall_system_id() */
};

/* The conversation of a thread without records. */
must_check int recall_new(const struct recall_options *options, struct journal *journal,
			  struct recall **ret, struct error *err);
void recall_free(struct recall *recall); /* NULL-tolerant */

/* The conversation that ends with a turn: that turn, the one it stands behind, and so on. */
struct recall_path {
	const struct threads *threads;
	uint64_t turn;     /* 0: an empty conversation */
	uint64_t position; /* of the last record of turn that counts; 0: of its last one */
};

/* What stands in a conversation for its older turns. */
struct recall_compaction {
	uint64_t position;    /* of its record; 0: there is none */
	uint64_t from, until; /* turns, both included */
	struct buf summary;
};
/* The one that is in force on a path; the caller frees the summary. */
must_check int recall_compaction(struct journal *journal, const struct recall_path *path,
				 struct recall_compaction *ret, struct error *err);

/*
 * Reads the turns of a path back and applies their records in order. progress ends as that of the
 * last turn that was begun.
 */
must_check int recall_read(const struct recall_options *options, struct journal *journal,
			   const struct recall_path *path, struct progress *progress,
			   struct recall **ret, struct error *err);

/* Call after progress_apply() with the same record. */
must_check int recall_apply(struct recall *recall, const struct progress *progress,
			    const struct journal_record *record, yyjson_val *payload,
			    struct error *err);

/* Adds the nudge of the next model-started record, whose prompt has to hold it already. */
must_check int recall_note(struct recall *recall, const char *note, struct error *err);

/* Adds what the person said during the turn (steer records): the next prompt holds it. */
must_check int recall_join_steers(struct recall *recall, uint64_t turn, struct error *err);

/* The format's conversation, as it stands. */
struct conversation *recall_conversation(struct recall *recall);
uint64_t recall_system_id(const struct recall *recall);
/* About how many tokens it has: as reported with the last answer, and guessed for what is newer. */
uint64_t recall_tokens(const struct recall *recall);
unsigned recall_provider(const struct recall *recall);
/* The turn that was begun last in it; 0: none. */
uint64_t recall_head(const struct recall *recall);

/*
 * The positions of a turn's records, oldest first, from last_position back to its first. *ret is
 * the caller's to free.
 */
must_check int recall_positions(struct journal *journal, uint64_t last_position, uint64_t turn,
				uint64_t **ret, size_t *ret_n, struct error *err);

/* The person's message as the model reads it: text, and what came with it marked as data. */
must_check int recall_message(yyjson_val *accepted, struct blob_store *blobs, struct buf *out);
