/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/threads-internal.h"

#include "base/array.h"
#include "base/utf8.h"
#include "l6-agent/job.h"
#include "l6-agent/payload.h"
#include "l6-agent/threads-path.h"

#include <assert.h>
#include <string.h>

enum { TITLE_BYTES = 60 };

static const char *const state_names[] = { "accepted", "started", "done", "failed", "interrupted" };

const char *turn_state_name(enum turn_state state)
{
	return state_names[state];
}

static bool parse_state(const char *name, uint32_t *ret)
{
	for (uint32_t i = TURN_DONE; i <= TURN_INTERRUPTED; i++) {
		if (name && strcmp(state_names[i], name) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static uint64_t hash_bytes(uint64_t seed, const char *text)
{
	uint8_t hash[SHA256_BYTES];
	struct sha256 state;
	uint64_t ret;

	sha256_init(&state);
	sha256_add(&state, &seed, sizeof(seed));
	sha256_add(&state, text, strlen(text));
	sha256_end(&state, hash);
	memcpy(&ret, hash, sizeof(ret));
	return ret ? ret : 1;
}

uint64_t turns_key_hash(uint32_t owner, const char *key)
{
	return hash_bytes(owner, key);
}

int threads_new(struct threads **ret)
{
	struct threads *threads = calloc(1, sizeof(*threads));

	if (!threads)
		return -ENOMEM;
	*ret = threads;
	return 0;
}

void threads_free(struct threads *threads)
{
	if (!threads)
		return;
	for (size_t i = 0; i < threads->n; i++) {
		free(threads->rows[i]->name);
		free(threads->rows[i]->title);
		free(threads->rows[i]->labels);
		job_free(threads->rows[i]->job);
		free(threads->rows[i]);
	}
	free((void *)threads->rows);
	free(threads->names);
	free(threads->turns);
	free(threads->compactions);
	free(threads);
}

size_t threads_count(const struct threads *threads)
{
	return threads->n;
}

struct thread *threads_at(const struct threads *threads, size_t index)
{
	assert(index < threads->n);
	return threads->rows[index];
}

struct thread *threads_by_id(const struct threads *threads, uint64_t id)
{
	return id > 0 && id <= threads->n ? threads->rows[id - 1] : NULL;
}

struct thread *threads_by_name(const struct threads *threads, uint32_t owner, const char *name)
{
	uint64_t wanted = hash_bytes(owner, name);

	for (size_t i = 0; i < threads->n; i++)
		if (threads->names[i] == wanted && threads->rows[i]->owner == owner &&
		    strcmp(threads->rows[i]->name, name) == 0)
			return threads->rows[i];
	return NULL;
}

uint64_t turns_count(const struct threads *threads)
{
	return threads->n_turns;
}

const struct turn_entry *turns_at(const struct threads *threads, uint64_t turn)
{
	return turn > 0 && turn <= threads->n_turns ? &threads->turns[turn - 1] : NULL;
}

uint64_t turns_by_key(const struct threads *threads, uint64_t key_hash, uint64_t before)
{
	uint64_t last = before > 0 && before <= threads->n_turns ? before - 1 : threads->n_turns;
	uint64_t first = last > TURNS_KEY_WINDOW ? last - TURNS_KEY_WINDOW : 0;

	for (uint64_t turn = last; turn > first; turn--)
		if (threads->turns[turn - 1].key_hash == key_hash)
			return turn;
	return 0;
}

static int misfit(const struct journal_record *record, const char *reason, struct error *err)
{
	return FAIL(err, -EBADMSG, "record %llu of the journal does not fit: %s",
		    (unsigned long long)record->sequence, reason);
}

int threads_add(struct threads *threads, uint32_t owner, const char *name, struct thread **ret)
{
	struct thread *thread;
	int r = ARRAY_ROOM(threads->rows, threads->n, threads->rows_capacity, THREADS_MAX);

	if (r >= 0)
		r = ARRAY_ROOM(threads->names, threads->n, threads->names_capacity, THREADS_MAX);
	if (r < 0)
		return r;
	thread = calloc(1, sizeof(*thread));
	if (thread)
		thread->name = strdup(name);
	if (!thread || !thread->name) {
		free(thread);
		return -ENOMEM;
	}
	thread->id = threads->n + 1;
	thread->owner = owner;
	threads->names[threads->n] = hash_bytes(owner, thread->name);
	threads->rows[threads->n++] = thread;
	*ret = thread;
	return 0;
}

static int add_thread(struct threads *threads, const struct journal_record *record,
		      yyjson_val *payload, struct error *err)
{
	const char *name = payload_get_string(payload, "name"), *problem;
	struct thread *thread;
	int r;

	if (!name || record->thread != threads->n + 1 ||
	    threads_by_name(threads, record->owner, name))
		return misfit(record, "a thread that is not new", err);
	r = threads_add(threads, record->owner, name, &thread);
	if (r < 0)
		return FAIL(err, r, "no room for another thread");
	problem = threads_path_begin(threads, thread, payload);
	if (problem)
		return misfit(record, problem, err);
	if (!yyjson_obj_get(payload, "job"))
		return 0;
	r = job_parse(yyjson_obj_get(payload, "job"), &thread->job);
	return r < 0 ? misfit(record, "a job that is none", err) : 0;
}

static char *title_of(yyjson_val *payload)
{
	yyjson_val *text = yyjson_obj_get(payload, "text");
	const char *from = yyjson_is_str(text) ? yyjson_get_str(text) : "(a long message)";
	size_t length = strcspn(from, "\n");

	return strndup(from, utf8_cut(from, length, TITLE_BYTES));
}

static int add_turn(struct threads *threads, struct thread *thread,
		    const struct journal_record *record, yyjson_val *payload, struct error *err)
{
	const char *key = payload_get_string(payload, "key"), *problem;
	int r;

	if (record->turn != threads->n_turns + 1)
		return misfit(record, "a turn that is not the next", err);
	r = ARRAY_ROOM(threads->turns, threads->n_turns, threads->turns_capacity, TURNS_MAX);
	if (r < 0)
		return FAIL(err, r, "no room for another turn");
	threads->turns[threads->n_turns++] = (struct turn_entry){
		.key_hash = key ? turns_key_hash(record->owner, key) : 0,
		.thread = (uint32_t)thread->id,
		.state = TURN_ACCEPTED,
	};
	if (!thread->title)
		thread->title = title_of(payload);
	thread->n_turns++;
	thread->last_turn = record->turn;
	problem = threads_path_add(threads, thread, record->turn, payload);
	return problem ? misfit(record, problem, err) : 0;
}

/* What a turn was given and began with, and what its tools gave it. */
static int add_labels(struct thread *thread, yyjson_val *payload, struct error *err)
{
	struct buf text = BUF((LABEL_BYTES + 3) * LABELS_MAX + 2);
	struct label_set set = { 0 };
	int r;

	label_set_add_text(&set, thread->labels);
	payload_get_labels(payload, "labels", &set);
	if (set.n == 0)
		return 0;
	r = label_set_write(&set, &text);
	if (r < 0) {
		buf_free(&text);
		return FAIL(err, r, "no room for the labels of a thread");
	}
	free(thread->labels);
	thread->labels = buf_take(&text);
	return 0;
}

/*
 * Results are many and long, and most have no label: only those are parsed in which the field is
 * not empty. Inside a JSON string these bytes cannot stand, its quotes are escaped.
 */
static bool has_labels(const struct journal_record *record)
{
	static const char begin[] = "\"labels\":[\"";

	return (record->kind == JOURNAL_ACCEPTED || record->kind == JOURNAL_TURN_STARTED ||
		record->kind == JOURNAL_TOOL_DONE || record->kind == JOURNAL_COMPACTED) &&
	       memmem(record->payload, record->payload_length, begin, strlen(begin));
}

static int apply_payload(struct threads *threads, const struct journal_record *record,
			 yyjson_val *payload, struct error *err)
{
	struct thread *thread = threads_by_id(threads, record->thread);
	struct turn_entry *entry;

	if (record->kind == JOURNAL_THREAD_NEW)
		return add_thread(threads, record, payload, err);
	if (!thread)
		return misfit(record, "an unknown thread", err);
	if (record->kind == JOURNAL_ACCEPTED) {
		int r = add_turn(threads, thread, record, payload, err);

		return r >= 0 && has_labels(record) ? add_labels(thread, payload, err) : r;
	}
	if (record->kind == JOURNAL_HEAD) {
		const char *problem = threads_path_move(threads, thread, payload);

		return problem ? misfit(record, problem, err) : 0;
	}
	if (record->turn == 0 || record->turn > threads->n_turns ||
	    threads->turns[record->turn - 1].thread != thread->id)
		return misfit(record, "an unknown turn", err);
	entry = &threads->turns[record->turn - 1];
	if (entry->state > TURN_STARTED)
		return misfit(record, "a turn that is over", err);
	if (record->kind == JOURNAL_TURN_DONE &&
	    !parse_state(payload_get_string(payload, "state"), &entry->state))
		return misfit(record, "an unknown state of a turn", err);
	if (record->kind == JOURNAL_TURN_STARTED)
		entry->state = TURN_STARTED;
	if (record->kind == JOURNAL_MODEL_DONE && thread->job)
		thread->job->calls++;
	if (record->kind == JOURNAL_COMPACTED && payload_get_flag(payload, "ok") &&
	    threads_path_compact(threads, record->turn, record->position) < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	return has_labels(record) ? add_labels(thread, payload, err) : 0;
}

static bool needs_payload(const struct journal_record *record)
{
	return record->kind == JOURNAL_THREAD_NEW || record->kind == JOURNAL_ACCEPTED ||
	       record->kind == JOURNAL_TURN_DONE || record->kind == JOURNAL_HEAD ||
	       record->kind == JOURNAL_COMPACTED || has_labels(record);
}

int threads_apply(struct threads *threads, const struct journal_record *record, struct error *err)
{
	yyjson_doc *doc = NULL;
	struct thread *thread;
	int r;

	if (needs_payload(record)) {
		doc = payload_parse(record->payload, record->payload_length);
		if (!doc)
			return misfit(record, "its payload is not JSON", err);
	}
	r = apply_payload(threads, record, yyjson_doc_get_root(doc), err);
	yyjson_doc_free(doc);
	if (r < 0)
		return r;
	thread = threads_by_id(threads, record->thread);
	thread->last_sequence = record->sequence;
	thread->last_position = record->position;
	thread->updated_us = record->time_us;
	if (record->turn > 0)
		threads->turns[record->turn - 1].last_position = record->position;
	return 0;
}
