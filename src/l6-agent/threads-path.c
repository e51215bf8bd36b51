/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/threads-path.h"

#include "base/array.h"
#include "l6-agent/payload.h"
#include "l6-agent/threads-internal.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct path_wire {
	uint64_t head, tip, origin;
};
struct compaction_wire {
	uint64_t turn, position;
};
static_assert(sizeof(struct compaction_wire) == 16, "spec/journal.md");
static_assert(sizeof(struct path_wire) == 24, "spec/journal.md");

static uint64_t before(const struct threads *threads, uint64_t turn)
{
	return threads->turns[turn - 1].before;
}

int threads_path(const struct threads *threads, uint64_t turn, uint64_t after, uint64_t **ret,
		 size_t *ret_n)
{
	uint64_t *turns;
	size_t n = 0;

	for (uint64_t at = turn; at > after; at = before(threads, at))
		n++;
	turns = calloc(n + 1, sizeof(*turns)); /* also when it is empty */
	if (!turns)
		return -ENOMEM;
	*ret = turns;
	*ret_n = n;
	for (uint64_t at = turn; at > after; at = before(threads, at))
		turns[--n] = at;
	return 0;
}

bool threads_path_has(const struct threads *threads, const struct thread *thread, uint64_t turn)
{
	uint64_t at = thread->head;

	while (at > turn)
		at = before(threads, at);
	return at > 0 && at == turn;
}

uint64_t threads_path_redo(const struct threads *threads, const struct thread *thread)
{
	uint64_t at = thread->tip;

	while (at > thread->head && before(threads, at) != thread->head)
		at = before(threads, at);
	return at > thread->head ? at : 0;
}

const char *threads_path_begin(struct threads *threads, struct thread *thread, yyjson_val *payload)
{
	uint64_t turn = payload_get_number(payload, "branch");
	const struct thread *from;

	if (turn == 0)
		return NULL;
	if (turn > threads->n_turns)
		return "a branch at an unknown turn";
	from = threads_by_id(threads, threads->turns[turn - 1].thread);
	if (from->owner != thread->owner)
		return "a branch at somebody else's turn";
	/* all its thread has seen, which may be more than this turn had */
	thread->labels = from->labels ? strdup(from->labels) : NULL;
	if (from->labels && !thread->labels)
		return "out of memory";
	thread->head = thread->tip = thread->origin = turn;
	return NULL;
}

const char *threads_path_add(struct threads *threads, struct thread *thread, uint64_t turn,
			     yyjson_val *payload)
{
	uint64_t retry = payload_get_number(payload, "retry");

	if (retry > 0 && retry != thread->head)
		return "a repetition of a turn that is not the last";
	threads->turns[turn - 1].before =
		(uint32_t)(retry > 0 ? before(threads, retry) : thread->head);
	thread->head = thread->tip = turn;
	return NULL;
}

const char *threads_path_move(struct threads *threads, struct thread *thread, yyjson_val *payload)
{
	const char *way = payload_get_string(payload, "way");
	uint64_t turn = payload_get_number(payload, "turn"),
		 head = payload_get_number(payload, "head");

	if (way && strcmp(way, "undo") == 0) {
		if (turn == 0 || turn != thread->head || head != before(threads, turn))
			return "a turn is taken back that is not the last";
	} else if (way && strcmp(way, "redo") == 0) {
		if (turn == 0 || turn != head || turn != threads_path_redo(threads, thread))
			return "a turn comes back that was not taken back";
	} else {
		return "an unknown way of a conversation";
	}
	thread->head = head;
	return NULL;
}

int threads_path_compact(struct threads *threads, uint64_t turn, uint64_t position)
{
	struct turn_entry *entry = &threads->turns[turn - 1];
	int r = ARRAY_ROOM(threads->compactions, threads->n_compactions,
			   threads->compactions_capacity, TURNS_MAX);

	if (r < 0)
		return r;
	threads->compactions[threads->n_compactions++] = (struct thread_compaction){
		.turn = turn,
		.position = position,
		.before = entry->compaction,
	};
	entry->compaction = (uint32_t)threads->n_compactions;
	return 0;
}

uint64_t threads_path_compaction(const struct threads *threads, uint64_t turn, uint64_t position)
{
	uint32_t at = threads->turns[turn - 1].compaction;

	while (at > 0 && position > 0 && threads->compactions[at - 1].position > position)
		at = threads->compactions[at - 1].before;
	return at > 0 ? threads->compactions[at - 1].position : 0;
}

static int save_compactions(const struct threads *threads, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < threads->n_compactions && r >= 0; i++) {
		struct compaction_wire wire = {
			.turn = htole64(threads->compactions[i].turn),
			.position = htole64(threads->compactions[i].position),
		};

		r = buf_add(out, &wire, sizeof(wire));
	}
	return r;
}

int threads_path_save(const struct threads *threads, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < threads->n && r >= 0; i++) {
		const struct thread *thread = threads->rows[i];
		struct path_wire wire = {
			.head = htole64(thread->head),
			.tip = htole64(thread->tip),
			.origin = htole64(thread->origin),
		};

		r = buf_add(out, &wire, sizeof(wire));
	}
	for (size_t i = 0; i < threads->n_turns && r >= 0; i++) {
		uint32_t wire = htole32(threads->turns[i].before);

		r = buf_add(out, &wire, sizeof(wire));
	}
	return r < 0 ? r : save_compactions(threads, out);
}

/* A turn of the same owner, or none. */
static bool is_turn_of(const struct threads *threads, const struct thread *thread, uint64_t turn)
{
	return turn == 0 ||
	       (turn <= threads->n_turns &&
		threads_by_id(threads, threads->turns[turn - 1].thread)->owner == thread->owner);
}

static bool has_tip(const struct threads *threads, const struct thread *thread)
{
	uint64_t at = thread->tip;

	while (at > thread->head)
		at = before(threads, at);
	return at == thread->head;
}

static int load_turns(struct threads *threads, const uint8_t *bytes)
{
	for (size_t i = 0; i < threads->n_turns; i++) {
		const struct thread *thread = threads_by_id(threads, threads->turns[i].thread);
		uint32_t wire;

		memcpy(&wire, bytes + i * sizeof(wire), sizeof(wire));
		threads->turns[i].before = le32toh(wire);
		if (threads->turns[i].before > i ||
		    !is_turn_of(threads, thread, threads->turns[i].before))
			return -EBADMSG;
	}
	return 0;
}

/* In the order of their records, each before its turn's last one. */
static int load_compactions(struct threads *threads, const uint8_t *bytes, size_t length,
			    uint64_t position)
{
	uint64_t last = 0;
	int r = length % sizeof(struct compaction_wire) == 0 ? 0 : -EBADMSG;

	for (size_t i = 0; i < length / sizeof(struct compaction_wire) && r >= 0; i++) {
		struct compaction_wire wire;
		uint64_t turn, at;

		memcpy(&wire, bytes + i * sizeof(wire), sizeof(wire));
		turn = le64toh(wire.turn);
		at = le64toh(wire.position);
		if (turn == 0 || turn > threads->n_turns || at <= last || at > position ||
		    at > threads->turns[turn - 1].last_position)
			return -EBADMSG;
		r = threads_path_compact(threads, turn, at);
		last = at;
	}
	return r;
}

int threads_path_load(struct threads *threads, const uint8_t *bytes, size_t length,
		      uint64_t position)
{
	const size_t of_threads = threads->n * sizeof(struct path_wire);
	const size_t of_turns = threads->n_turns * sizeof(uint32_t);
	int r;

	if (length < of_threads + of_turns)
		return -EBADMSG;
	r = load_turns(threads, bytes + of_threads);
	if (r >= 0)
		r = load_compactions(threads, bytes + of_threads + of_turns,
				     length - of_threads - of_turns, position);
	for (size_t i = 0; i < threads->n && r >= 0; i++) {
		struct thread *thread = threads->rows[i];
		struct path_wire wire;

		memcpy(&wire, bytes + i * sizeof(wire), sizeof(wire));
		thread->head = le64toh(wire.head);
		thread->tip = le64toh(wire.tip);
		thread->origin = le64toh(wire.origin);
		if (!is_turn_of(threads, thread, thread->head) ||
		    !is_turn_of(threads, thread, thread->tip) ||
		    !is_turn_of(threads, thread, thread->origin) || !has_tip(threads, thread))
			r = -EBADMSG;
	}
	return r;
}
