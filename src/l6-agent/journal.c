/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/clock.h"
#include "base/dir.h"
#include "l6-agent/journal-internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

void journal_segment_name(uint64_t start, char ret[JOURNAL_NAME_BYTES])
{
	(void)snprintf(ret, JOURNAL_NAME_BYTES, "%016" PRIx64 ".journal", start); /* always fits */
}

int journal_mark(struct journal *journal, uint64_t sequence, uint64_t position)
{
	int r;

	if (sequence % JOURNAL_MARK_EVERY != 1)
		return 0;
	assert(sequence / JOURNAL_MARK_EVERY == journal->n_marks);
	r = ARRAY_ROOM(journal->marks, journal->n_marks, journal->marks_capacity,
		       JOURNAL_MARKS_MAX);
	if (r >= 0)
		journal->marks[journal->n_marks++] = position;
	return r;
}

static int write_head(struct journal *journal, int fd, uint64_t start)
{
	struct journal_head head = { .first_sequence = journal->sequence + 1, .start = start };
	uint8_t bytes[JOURNAL_HEAD_BYTES];
	int r;

	memcpy(head.chain, journal->chain, SHA256_BYTES);
	journal_head_encode(&head, bytes);
	r = dir_write_all(fd, bytes, sizeof(bytes));
	if (r < 0)
		return r;
	if (fdatasync(fd) < 0 || fsync(journal->options.dir_fd) < 0)
		return -errno;
	journal->figures.fsyncs += 2;
	return 0;
}

int journal_rotate(struct journal *journal, struct error *err)
{
	uint64_t start = journal_durable_end(journal);
	char name[JOURNAL_NAME_BYTES];
	auto_fd int fd = -1;
	int r = ARRAY_ROOM(journal->segments, journal->n_segments, journal->segments_capacity,
			   JOURNAL_SEGMENTS_MAX);

	assert(journal->n_waiting == 0);
	journal_segment_name(start, name);
	if (r >= 0) /* a file of that name holds at most an incomplete head */
		r = fd = dir_open(journal->options.dir_fd, name,
				  O_RDWR | O_CREAT | O_TRUNC | O_APPEND, JOURNAL_MODE);
	if (r >= 0)
		r = write_head(journal, fd, start);
	if (r < 0)
		return FAIL(err, r, "segment %s of the journal cannot be made: %s", name,
			    strerror(-r));
	journal->segments[journal->n_segments++] = (struct journal_segment){
		.start = start,
		.first_sequence = journal->sequence + 1,
		.bytes = JOURNAL_HEAD_BYTES,
		.fd = take_fd(&fd),
	};
	return 0;
}

int journal_append(struct journal *journal, struct journal_record *record,
		   journal_durable_fn on_durable, void *data)
{
	size_t offset = journal->pending.length;
	int r = ARRAY_ROOM(journal->waiting, journal->n_waiting, journal->waiting_capacity,
			   JOURNAL_WAITING_MAX);

	record->sequence = journal->sequence + 1;
	record->time_us = clock_realtime_us();
	record->position = journal_durable_end(journal) + offset;
	if (r >= 0)
		r = journal_record_encode(record, journal->chain, &journal->pending);
	if (r >= 0)
		r = journal_mark(journal, record->sequence, record->position);
	if (r < 0)
		return r;
	journal->sequence++;
	journal->last_position = record->position;
	journal->waiting[journal->n_waiting++] = (struct journal_waiting){
		.record = *record,
		.offset = offset,
		.on_durable = on_durable,
		.data = data,
	};
	return journal->commit && !journal->committing
		       ? sd_event_source_set_enabled(journal->commit, SD_EVENT_ONESHOT)
		       : 0;
}

static int write_pending(struct journal *journal, struct error *err)
{
	struct journal_segment *last = journal_last_segment(journal);
	int r = blob_sync(journal->blobs);

	if (r < 0)
		return FAIL(err, r, "a blob of the journal cannot be written: %s", strerror(-r));
	journal->figures.fsyncs += (uint64_t)r;
	r = dir_write_all(last->fd, buf_string(&journal->pending), journal->pending.length);
	if (r == 0 && fdatasync(last->fd) < 0)
		r = -errno;
	if (r < 0)
		return FAIL(err, r, "the journal cannot be written: %s", strerror(-r));
	journal->figures.fsyncs++;
	journal->figures.commits++;
	last->bytes += journal->pending.length;
	journal->durable_sequence = journal->sequence;
	return 0;
}

/* Callbacks may append: what they add waits in fresh arrays for the next commit. */
static void run_callbacks(struct journal *journal)
{
	struct journal_waiting *waiting = TAKE_PTR(journal->waiting);
	size_t n = journal->n_waiting;
	char *bytes;

	bytes = buf_take(&journal->pending);
	journal->pending = BUF(JOURNAL_PENDING_MAX);
	journal->n_waiting = journal->waiting_capacity = 0;
	for (size_t i = 0; i < n; i++) {
		struct journal_record *record = &waiting[i].record;

		record->payload = bytes + waiting[i].offset + JOURNAL_HEADER_BYTES;
		if (journal->options.on_durable)
			journal->options.on_durable(record, journal->options.data);
		if (waiting[i].on_durable)
			waiting[i].on_durable(record, waiting[i].data);
	}
	free(waiting);
	free(bytes);
}

int journal_commit(struct journal *journal, struct error *err)
{
	int r;

	assert(!journal->committing); /* never from a callback */
	if (journal->n_waiting == 0)
		return 0;
	r = write_pending(journal, err);
	if (r < 0)
		return r;
	if (journal_last_segment(journal)->bytes >= journal->options.segment_bytes) {
		size_t n = journal->n_waiting;

		journal->n_waiting = 0;
		r = journal_rotate(journal, err);
		journal->n_waiting = n;
		if (r < 0)
			return r;
	}
	if (journal_is_unsaved(journal)) {
		journal_begin_saving(journal);
		r = journal_wake(journal);
		if (r < 0)
			return FAIL(err, r, "event loop: %s", strerror(-r));
	}
	journal->committing = true;
	run_callbacks(journal);
	journal->committing = false;
	if (journal->commit && journal->n_waiting > 0)
		return sd_event_source_set_enabled(journal->commit, SD_EVENT_ONESHOT);
	return 0;
}

uint64_t journal_last_sequence(const struct journal *journal)
{
	return journal->sequence;
}

uint64_t journal_durable_sequence(const struct journal *journal)
{
	return journal->durable_sequence;
}

struct blob_store *journal_blobs(struct journal *journal)
{
	return journal->blobs;
}

void journal_get_figures(const struct journal *journal, struct journal_figures *ret)
{
	*ret = journal->figures;
	ret->records = journal->durable_sequence;
	ret->segments = journal->n_segments;
	ret->bytes = journal_durable_end(journal);
	ret->blobs = blob_count_written(journal->blobs);
	if (journal->check.journal)
		ret->unchecked = journal->check_until - journal->check.sequence;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	sd_event_source_disable_unref(journal->commit);
	sd_event_source_disable_unref(journal->work);
	journal_stop_saving(journal);
	journal_scan_end(&journal->check);
	for (size_t i = 0; i < journal->n_segments; i++)
		close_fd(&journal->segments[i].fd);
	free(journal->segments);
	free(journal->marks);
	free(journal->waiting);
	buf_free(&journal->pending);
	blob_store_close(journal->blobs);
	close_fd(&journal->lock_fd); /* releases the lock */
	free(journal);
}
