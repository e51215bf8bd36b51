/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Writing a snapshot, in steps: the state is taken at once, then written and synced a piece at a
 * time, renamed, and the folder synced. Checking what a snapshot spared the start, in steps too.
 */
#include "base/dir.h"
#include "base/log.h"
#include "l6-agent/journal-internal.h"

#include <assert.h>
#include <malloc.h>
#include <string.h>

enum { STEP_BYTES = 256 * 1024 /* what one step holds up the loop for */ };

static const char new_name[] = JOURNAL_SNAPSHOT_NAME ".new";

bool journal_is_unsaved(const struct journal *journal)
{
	uint64_t bytes = journal->options.snapshot_bytes;

	return bytes > 0 && journal->saving.step == SAVING_NOTHING &&
	       journal_durable_end(journal) - journal->saved_end >= bytes;
}

int journal_wake(struct journal *journal)
{
	return journal->work ? sd_event_source_set_enabled(journal->work, SD_EVENT_ONESHOT) : 0;
}

void journal_stop_saving(struct journal *journal)
{
	struct journal_saving *saving = &journal->saving;

	buf_free(&saving->bytes);
	close_fd(&saving->fd);
	*saving = (struct journal_saving){ .fd = -1 };
}

static void cannot_save(struct journal *journal, int r)
{
	log_warning("a snapshot of the journal cannot be written: %s", strerror(-r));
	journal_stop_saving(journal);
}

static int take_state(struct journal *journal, struct buf *out)
{
	struct journal_snapshot snapshot = {
		.sequence = journal->sequence,
		.position = journal->last_position,
		.chain = journal->chain,
		.n_marks = journal->n_marks,
	};
	int r = journal_snapshot_begin(&snapshot, journal->marks, out);

	if (r >= 0)
		r = journal->options.on_save(out, journal->options.data);
	if (r >= 0 && out->length > JOURNAL_SNAPSHOT_BYTES_MAX - SHA256_BYTES)
		r = -EMSGSIZE;
	if (r >= 0)
		journal_snapshot_seal(out);
	return r;
}

void journal_begin_saving(struct journal *journal)
{
	struct journal_saving *saving = &journal->saving;
	int r;

	assert(journal->sequence == journal->durable_sequence);
	journal_stop_saving(journal);
	journal->saved_end = journal_durable_end(journal); /* also when it fails: not each time */
	saving->bytes = BUF(JOURNAL_SNAPSHOT_BYTES_MAX);
	saving->sequence = journal->sequence;
	r = take_state(journal, &saving->bytes);
	if (r >= 0)
		r = saving->fd = dir_open(journal->options.dir_fd, new_name,
					  O_WRONLY | O_CREAT | O_TRUNC, JOURNAL_MODE);
	if (r >= 0) {
		sha256_init(&saving->hash);
		saving->step = SAVING_BYTES;
	}
	if (r < 0)
		cannot_save(journal, r);
}

/* The next piece, and behind the last one the hash of all. */
static int write_piece(struct journal *journal)
{
	struct journal_saving *saving = &journal->saving;
	size_t left = saving->bytes.length - saving->written;
	size_t length = left < STEP_BYTES ? left : STEP_BYTES;
	const char *piece = saving->bytes.data + saving->written;
	uint8_t hash[SHA256_BYTES];
	int r = dir_write_all(saving->fd, piece, length);

	sha256_add(&saving->hash, piece, length);
	saving->written += length;
	if (r >= 0 && length == left) {
		sha256_end(&saving->hash, hash);
		r = dir_write_all(saving->fd, hash, sizeof(hash));
		saving->step = SAVING_NAME;
	}
	if (r >= 0 && fdatasync(saving->fd) < 0)
		r = -errno;
	journal->figures.fsyncs++;
	return r;
}

static int name_it(struct journal *journal)
{
	int dir_fd = journal->options.dir_fd;

	if (renameat(dir_fd, new_name, dir_fd, JOURNAL_SNAPSHOT_NAME) < 0)
		return -errno;
	journal->saved_sequence = journal->saving.sequence;
	journal->figures.snapshots++;
	journal->saving.step = SAVING_FOLDER;
	return 0;
}

static int sync_folder(struct journal *journal)
{
	journal->figures.fsyncs++;
	if (fsync(journal->options.dir_fd) < 0)
		return -errno;
	journal_stop_saving(journal);
	return 0;
}

int journal_save_step(struct journal *journal)
{
	int r = 0;

	switch (journal->saving.step) {
	case SAVING_NOTHING:
		return 0;
	case SAVING_BYTES:
		r = write_piece(journal);
		break;
	case SAVING_NAME:
		r = name_it(journal);
		break;
	case SAVING_FOLDER:
		r = sync_folder(journal);
		break;
	}
	if (r < 0)
		cannot_save(journal, r);
	return journal->saving.step != SAVING_NOTHING;
}

void journal_save(struct journal *journal)
{
	if (journal->options.snapshot_bytes == 0 || journal->n_waiting > 0 ||
	    journal->sequence == journal->saved_sequence)
		return;
	if (journal->saving.sequence != journal->sequence)
		journal_begin_saving(journal);
	while (journal_save_step(journal) > 0)
		;
}

void journal_forget_snapshot(struct journal *journal)
{
	if (unlinkat(journal->options.dir_fd, JOURNAL_SNAPSHOT_NAME, 0) < 0 && errno != ENOENT)
		log_warning("the journal's snapshot cannot be removed: %s", strerror(errno));
}

/* Whether the index that was taken over says where this record lies. */
static bool is_marked(const struct journal *journal, const struct journal_record *record)
{
	return record->sequence % JOURNAL_MARK_EVERY != 1 ||
	       journal->marks[record->sequence / JOURNAL_MARK_EVERY] == record->position;
}

/* Some of the records before the snapshot. 1: there are more. */
static int check_step(struct journal *journal, struct error *err)
{
	struct journal_scan *check = &journal->check;
	struct journal_record record;
	size_t bytes = 0;
	int r = 1;

	while (r > 0 && bytes < STEP_BYTES && check->sequence < journal->check_until) {
		r = journal_scan_next(check, &record, err);
		if (r <= 0)
			break;
		bytes += journal_record_bytes(&record);
		if (!is_marked(journal, &record))
			r = FAIL(err, -EBADMSG, "the journal's snapshot is wrong: it is removed");
	}
	if (r > 0 && check->sequence < journal->check_until)
		return 1;
	if (r == 0)
		r = FAIL(err, -EBADMSG, "the journal is damaged: it ends before its snapshot");
	if (r < 0)
		journal_forget_snapshot(journal);
	journal_scan_end(check);
	(void)malloc_trim(0); /* the window goes back */
	return r < 0 ? r : 0;
}

int journal_work(struct journal *journal, struct error *err)
{
	if (journal_save_step(journal) > 0)
		return 1;
	return journal->check.journal ? check_step(journal, err) : 0;
}
