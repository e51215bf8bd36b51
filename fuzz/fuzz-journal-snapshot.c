/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   journal_snapshot_decode(), threads_load() Property a fold that is taken is saved to the
 * same bytes, and its questions have answers; decoding never reads behind the end. The hash at the
 * end is made to fit, so that what lies behind it is reached. Corpus fuzz/corpus/journal-snapshot/
 */
#include "l6-agent/journal-snapshot.h"
#include "l6-agent/threads.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct threads *threads, const struct journal_snapshot *snapshot)
{
	struct buf again = BUF(JOURNAL_SNAPSHOT_BYTES_MAX);

	if (threads_save(threads, &again) < 0 || again.length != snapshot->fold_length ||
	    memcmp(buf_string(&again), snapshot->fold, again.length) != 0)
		abort();
	buf_free(&again);
	for (size_t i = 0; i < threads_count(threads); i++) {
		const struct thread *thread = threads_at(threads, i);

		if (!threads_by_name(threads, thread->owner, thread->name) ||
		    threads_by_id(threads, thread->id) != thread ||
		    (thread->last_turn > 0 && !turns_at(threads, thread->last_turn)))
			abort();
	}
	for (uint64_t turn = 1; turn <= turns_count(threads); turn++) {
		const struct turn_entry *entry = turns_at(threads, turn);

		if (!threads_by_id(threads, entry->thread) || !turn_state_name(entry->state))
			abort();
	}
}

static void decode(const uint8_t *bytes, size_t length)
{
	struct journal_snapshot snapshot;
	struct threads *threads;
	const char *reason = NULL;

	if (!journal_snapshot_decode(bytes, length, &snapshot, &reason))
		return;
	for (size_t i = 1; i < snapshot.n_marks; i++)
		if (journal_snapshot_mark(&snapshot, i) > snapshot.position)
			abort();
	if (threads_load(snapshot.fold, snapshot.fold_length, snapshot.sequence, snapshot.position,
			 &threads) < 0)
		return;
	check_again(threads, &snapshot);
	threads_free(threads);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { LENGTH_AT = 16, LENGTH_END = 24 };
	uint64_t length = size;
	uint8_t *copy;

	decode(data, size);
	if (size < LENGTH_END + SHA256_BYTES)
		return 0;
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	memcpy(copy + LENGTH_AT, &length, sizeof(length));
	sha256_of(copy, size - SHA256_BYTES, copy + size - SHA256_BYTES);
	decode(copy, size);
	free(copy);
	return 0;
}
