/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The table of threads as bytes of a snapshot, and back. What is read back is checked field by
 * field: no thread, turn or position may lie outside what the snapshot holds. */
#include "base/utf8.h"
#include "l6-agent/job.h"
#include "l6-agent/label-set.h"
#include "l6-agent/threads-internal.h"
#include "l6-agent/threads-path.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

/* Bytes of a text that is not there. */
static const uint32_t no_text = UINT32_MAX;

struct table_wire {
	uint64_t threads, turns;
};
struct thread_wire {
	uint64_t turns, last_turn, last_sequence, last_position, updated_us, job_calls;
	uint32_t owner;
	uint32_t name_bytes, title_bytes, label_bytes, job_bytes; /* of what follows */
	uint32_t zero;
};
struct turn_wire {
	uint64_t last_position, key_hash;
	uint32_t thread, state;
};
static_assert(sizeof(struct table_wire) == 16, "spec/journal.md");
static_assert(sizeof(struct thread_wire) == 72, "spec/journal.md");
static_assert(sizeof(struct turn_wire) == 24, "spec/journal.md");

static uint32_t text_bytes(const char *text)
{
	return htole32(text ? (uint32_t)strlen(text) : no_text);
}

static int save_thread(const struct thread *thread, struct buf *out)
{
	struct thread_wire wire = {
		.turns = htole64(thread->n_turns),
		.last_turn = htole64(thread->last_turn),
		.last_sequence = htole64(thread->last_sequence),
		.last_position = htole64(thread->last_position),
		.updated_us = htole64(thread->updated_us),
		.job_calls = htole64(thread->job ? thread->job->calls : 0),
		.owner = htole32(thread->owner),
		.name_bytes = text_bytes(thread->name),
		.title_bytes = text_bytes(thread->title),
		.label_bytes = text_bytes(thread->labels),
		.job_bytes = text_bytes(thread->job ? thread->job->text : NULL),
	};
	int r = buf_add(out, &wire, sizeof(wire));

	if (r >= 0)
		r = buf_add_string(out, thread->name);
	if (r >= 0 && thread->title)
		r = buf_add_string(out, thread->title);
	if (r >= 0 && thread->labels)
		r = buf_add_string(out, thread->labels);
	if (r >= 0 && thread->job)
		r = buf_add_string(out, thread->job->text);
	return r;
}

static int save_turns(const struct threads *threads, struct buf *out)
{
	size_t length = threads->n_turns * sizeof(struct turn_wire);
	char *at;
	int r = buf_reserve(out, length, &at);

	if (r < 0)
		return r;
	for (size_t i = 0; i < threads->n_turns; i++) {
		const struct turn_entry *entry = &threads->turns[i];
		struct turn_wire wire = {
			.last_position = htole64(entry->last_position),
			.key_hash = htole64(entry->key_hash),
			.thread = htole32(entry->thread),
			.state = htole32(entry->state),
		};

		memcpy(at + i * sizeof(wire), &wire, sizeof(wire));
	}
	buf_commit(out, length);
	return 0;
}

int threads_save(const struct threads *threads, struct buf *out)
{
	struct table_wire wire = {
		.threads = htole64(threads->n),
		.turns = htole64(threads->n_turns),
	};
	int r = buf_add(out, &wire, sizeof(wire));

	for (size_t i = 0; i < threads->n && r >= 0; i++)
		r = save_thread(threads->rows[i], out);
	if (r >= 0)
		r = save_turns(threads, out);
	return r < 0 ? r : threads_path_save(threads, out);
}

/* The bytes that are still to be read, and what nothing in them may exceed. */
struct saved {
	const uint8_t *at;
	size_t left;
	uint64_t sequence, position, turns;
};

static bool take(struct saved *saved, void *into, size_t length)
{
	if (length > saved->left)
		return false;
	memcpy(into, saved->at, length);
	saved->at += length;
	saved->left -= length;
	return true;
}

/* A copy of the text in front; *ret stays NULL when there is none. -EBADMSG for what is no text. */
static int take_text(struct saved *saved, uint32_t wire_length, char **ret)
{
	const char *text = (const char *)saved->at;
	size_t length = le32toh(wire_length);

	if (length == no_text)
		return 0;
	if (length > saved->left || memchr(text, '\0', length) || !utf8_is_valid(text, length))
		return -EBADMSG;
	*ret = strndup(text, length);
	saved->at += length;
	saved->left -= length;
	return *ret ? 0 : -ENOMEM;
}

static bool is_position(const struct saved *saved, uint64_t position)
{
	return position >= JOURNAL_HEAD_BYTES && position <= saved->position;
}

/* Labels guard what leaves the machine: only a set as label_set_write() writes it is one. */
static bool is_label_set(const char *labels)
{
	struct buf again = BUF((LABEL_BYTES + 3) * LABELS_MAX + 2);
	struct label_set set = { 0 };
	bool is_same;

	if (!labels)
		return true;
	label_set_add_text(&set, labels);
	is_same = set.n > 0 && label_set_write(&set, &again) >= 0 &&
		  strcmp(buf_string(&again), labels) == 0;
	buf_free(&again);
	return is_same;
}

static bool thread_fits(const struct saved *saved, const struct thread *thread)
{
	return is_position(saved, thread->last_position) && thread->last_sequence > 0 &&
	       thread->last_sequence <= saved->sequence && thread->last_turn <= saved->turns &&
	       thread->n_turns <= thread->last_turn &&
	       (thread->n_turns > 0) == (thread->last_turn > 0) &&
	       (thread->n_turns > 0) == (thread->title != NULL) && is_label_set(thread->labels);
}

static int take_job(struct saved *saved, const struct thread_wire *wire, struct job **ret)
{
	yyjson_doc *doc = NULL;
	char *text = NULL;
	int r = take_text(saved, wire->job_bytes, &text);

	if (r >= 0 && text) {
		doc = yyjson_read(text, strlen(text), 0);
		r = doc ? job_parse(yyjson_doc_get_root(doc), ret) : -EBADMSG;
		yyjson_doc_free(doc);
	}
	if (r >= 0 && *ret && strcmp((*ret)->text, text) != 0)
		r = -EBADMSG;
	if (r >= 0 && *ret)
		(*ret)->calls = le64toh(wire->job_calls);
	free(text);
	return r < 0 || *ret || wire->job_calls == 0 ? r : -EBADMSG;
}

static int load_thread(struct saved *saved, struct threads *threads)
{
	struct thread_wire wire;
	struct thread *thread;
	char *name = NULL;
	int r = take(saved, &wire, sizeof(wire)) && wire.zero == 0 ? 0 : -EBADMSG;

	if (r >= 0)
		r = take_text(saved, wire.name_bytes, &name);
	if (r >= 0)
		r = name && *name ? threads_add(threads, le32toh(wire.owner), name, &thread)
				  : -EBADMSG;
	free(name);
	if (r >= 0)
		r = take_text(saved, wire.title_bytes, &thread->title);
	if (r >= 0)
		r = take_text(saved, wire.label_bytes, &thread->labels);
	if (r >= 0)
		r = take_job(saved, &wire, &thread->job);
	if (r < 0)
		return r;
	thread->n_turns = le64toh(wire.turns);
	thread->last_turn = le64toh(wire.last_turn);
	thread->last_sequence = le64toh(wire.last_sequence);
	thread->last_position = le64toh(wire.last_position);
	thread->updated_us = le64toh(wire.updated_us);
	return thread_fits(saved, thread) ? 0 : -EBADMSG;
}

static int load_turns(struct saved *saved, struct threads *threads)
{
	size_t n = (size_t)saved->turns;

	if (saved->left / sizeof(struct turn_wire) < n || n > TURNS_MAX)
		return -EBADMSG;
	if (n == 0)
		return 0;
	threads->turns = calloc(n, sizeof(*threads->turns));
	if (!threads->turns)
		return -ENOMEM;
	threads->n_turns = threads->turns_capacity = n;
	for (size_t i = 0; i < n; i++) {
		struct turn_entry *entry = &threads->turns[i];
		struct turn_wire wire;

		memcpy(&wire, saved->at + i * sizeof(wire), sizeof(wire));
		*entry = (struct turn_entry){
			.last_position = le64toh(wire.last_position),
			.key_hash = le64toh(wire.key_hash),
			.thread = le32toh(wire.thread),
			.state = le32toh(wire.state),
		};
		if (!is_position(saved, entry->last_position) || entry->thread == 0 ||
		    entry->thread > threads->n || entry->state > TURN_INTERRUPTED)
			return -EBADMSG;
	}
	saved->at += n * sizeof(struct turn_wire);
	saved->left -= n * sizeof(struct turn_wire);
	return 0;
}

/* Each thread's number of turns and last turn, counted from the turns. */
static bool turns_fit(const struct threads *threads)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < threads->n; i++) {
		const struct thread *thread = threads->rows[i];

		if (thread->last_turn > 0 &&
		    threads->turns[thread->last_turn - 1].thread != thread->id)
			return false;
		sum += thread->n_turns;
	}
	return sum == threads->n_turns;
}

static int load(struct saved *saved, struct threads *threads)
{
	struct table_wire wire;
	int r = take(saved, &wire, sizeof(wire)) ? 0 : -EBADMSG;

	if (r < 0)
		return r;
	saved->turns = le64toh(wire.turns);
	for (uint64_t i = 0; i < le64toh(wire.threads) && r >= 0; i++)
		r = load_thread(saved, threads);
	if (r >= 0)
		r = load_turns(saved, threads);
	if (r >= 0 && !turns_fit(threads))
		r = -EBADMSG;
	return r < 0 ? r : threads_path_load(threads, saved->at, saved->left, saved->position);
}

int threads_load(const uint8_t *bytes, size_t length, uint64_t sequence, uint64_t position,
		 struct threads **ret)
{
	struct saved saved = {
		.at = bytes,
		.left = length,
		.sequence = sequence,
		.position = position,
	};
	struct threads *threads;
	int r = threads_new(&threads);

	if (r < 0)
		return r;
	r = load(&saved, threads);
	if (r < 0) {
		threads_free(threads);
		return r;
	}
	*ret = threads;
	return 0;
}
