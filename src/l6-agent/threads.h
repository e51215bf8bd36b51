/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * threads - the fold of the journal: which threads and turns there are and where they lie (L6).
 *
 * In memory a thread is its name and the position of its last record; everything else is read from
 * the journal when somebody asks. threads_apply() sees every record in order, at start and live.
 *
 * Ownership  The table owns threads; pointers stay valid until threads_free().
 * Errors     -EBADMSG for a record that does not fit what came before it, -ENOMEM, -EMSGSIZE over
 *            the table's maximum.
 */
#pragma once

#include "l6-agent/journal-record.h"

#include <stdbool.h>

struct job;
struct turn;
struct recall;

enum turn_state {
	TURN_ACCEPTED, /* waits for the turns before it */
	TURN_STARTED,
	TURN_DONE,
	TURN_FAILED,
	TURN_INTERRUPTED,
};

struct thread {
	uint64_t id;
	uint32_t owner;
	char *name, *title; /* title: of the first message; NULL before it */
	char *labels;       /* what its conversation was shown (label_set_write()); NULL: none */
	struct job *job;    /* what makes it one (job.h); NULL: a person's thread */
	uint64_t n_turns, last_turn;
	uint64_t head, tip, origin; /* of its conversation (threads-path.h); 0: none */
	uint64_t last_sequence, last_position, updated_us;
	/* the actor (turn.h): first runs, the others wait in order */
	struct turn *first, *last;
	unsigned n_queued;
	struct recall *recall; /* the conversation while it is in memory */
	uint64_t recall_used;  /* when it was last used: a count, for dropping the oldest */
};

struct turn_entry {
	uint64_t last_position; /* of the turn's last record */
	uint64_t key_hash;
	uint32_t thread;
	uint32_t state;      /* enum turn_state */
	uint32_t before;     /* the turn it stands behind; 0: none */
	uint32_t compaction; /* its newest, of threads-path.c; 0: none */
};

struct threads;

must_check int threads_new(struct threads **ret);
void threads_free(struct threads *threads); /* NULL-tolerant */

must_check int threads_apply(struct threads *threads, const struct journal_record *record,
			     struct error *err);

/* Appends the whole table as bytes, for a snapshot (spec/journal.md, "A snapshot"). */
must_check int threads_save(const struct threads *threads, struct buf *out);
/* The table as it was saved behind the record of that sequence and position; -EBADMSG for bytes
 * that are none. */
must_check int threads_load(const uint8_t *bytes, size_t length, uint64_t sequence,
			    uint64_t position, struct threads **ret);

size_t threads_count(const struct threads *threads);
struct thread *threads_at(const struct threads *threads, size_t index);   /* in order of making */
struct thread *threads_by_id(const struct threads *threads, uint64_t id); /* NULL: none */
struct thread *threads_by_name(const struct threads *threads, uint32_t owner, const char *name);

uint64_t turns_count(const struct threads *threads);
/* Borrowed until the next apply; NULL when there is no such turn. */
const struct turn_entry *turns_at(const struct threads *threads, uint64_t turn);
/* The newest turn of at most TURNS_KEY_WINDOW whose key has this hash, 0: none. */
enum { TURNS_KEY_WINDOW = 65536 };
uint64_t turns_by_key(const struct threads *threads, uint64_t key_hash, uint64_t before);
/* Never 0. A key is its owner's: the same one of somebody else has another hash. */
uint64_t turns_key_hash(uint32_t owner, const char *key);

const char *turn_state_name(enum turn_state state);
