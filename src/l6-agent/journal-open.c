/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Opening a journal: lock, find the segments, read the records behind the snapshot, or all. */
#include "base/dir.h"
#include "base/log.h"
#include "l6-agent/journal-internal.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum {
	COMMIT_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 100,
	WORK_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 200, /* behind everything somebody waits for */
};

static const char suffix[] = ".journal";

static int lock(struct journal *journal, struct error *err)
{
	journal->lock_fd =
		dir_open(journal->options.dir_fd, "lock", O_RDWR | O_CREAT, JOURNAL_MODE);
	if (journal->lock_fd < 0)
		return FAIL(err, journal->lock_fd, "the journal's lock cannot be opened: %s",
			    strerror(-journal->lock_fd));
	if (flock(journal->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return FAIL(err, -EBUSY, "another process has this journal open");
	return 0;
}

static bool parse_name(const char *name, uint64_t *ret)
{
	uint64_t start = 0;

	if (strlen(name) != 16 + sizeof(suffix) - 1 || strcmp(name + 16, suffix) != 0)
		return false;
	for (size_t i = 0; i < 16; i++) {
		const char *digits = "0123456789abcdef", *at = strchr(digits, name[i]);

		if (!at)
			return false;
		start = start << 4 | (uint64_t)(at - digits);
	}
	*ret = start;
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct journal_segment *one = a, *two = b;

	return (one->start > two->start) - (one->start < two->start);
}

static int add_segment(struct journal *journal, uint64_t start)
{
	int r = ARRAY_ROOM(journal->segments, journal->n_segments, journal->segments_capacity,
			   JOURNAL_SEGMENTS_MAX);

	if (r >= 0)
		journal->segments[journal->n_segments++] =
			(struct journal_segment){ .start = start, .fd = -1 };
	return r;
}

static int list_segments(struct journal *journal)
{
	auto_fd int fd = dir_open(journal->options.dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	struct dirent *entry;
	uint64_t start;
	int r = 0;
	DIR *dir;

	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	(void)take_fd(&fd);
	while (r >= 0 && (entry = readdir(dir)))
		if (parse_name(entry->d_name, &start))
			r = add_segment(journal, start);
	(void)closedir(dir);
	if (journal->n_segments > 1)
		qsort(journal->segments, journal->n_segments, sizeof(*journal->segments), by_start);
	return r;
}

static int open_segment(struct journal *journal, struct journal_segment *segment, struct error *err)
{
	char name[JOURNAL_NAME_BYTES];
	struct stat status;

	journal_segment_name(segment->start, name);
	segment->fd = dir_open(journal->options.dir_fd, name, O_RDWR | O_APPEND, 0);
	if (segment->fd < 0)
		return FAIL(err, segment->fd, "segment %s of the journal: %s", name,
			    strerror(-segment->fd));
	if (fstat(segment->fd, &status) < 0)
		return FAIL(err, -errno, "segment %s of the journal: %s", name, strerror(errno));
	if (!S_ISREG(status.st_mode)) /* what is written into a pipe is not kept */
		return FAIL(err, -EBADMSG, "segment %s of the journal is no file", name);
	segment->bytes = (uint64_t)status.st_size;
	return 0;
}

/* A crash while a segment was made leaves a file without a whole head: it holds nothing. */
static int drop_headless(struct journal *journal, struct error *err)
{
	struct journal_segment *last = journal_last_segment(journal);
	char name[JOURNAL_NAME_BYTES];

	if (!last || last->bytes >= JOURNAL_HEAD_BYTES)
		return 0;
	journal_segment_name(last->start, name);
	if (unlinkat(journal->options.dir_fd, name, 0) < 0)
		return FAIL(err, -errno, "segment %s of the journal: %s", name, strerror(errno));
	close_fd(&last->fd);
	journal->n_segments--;
	return 0;
}

static int take_record(struct journal *journal, const struct journal_record *record,
		       struct error *err)
{
	int r = journal_mark(journal, record->sequence, record->position);

	if (r < 0)
		return FAIL(err, r, "out of memory");
	journal->last_position = record->position;
	return journal->options.on_found
		       ? journal->options.on_found(record, journal->options.data, err)
		       : 0;
}

/* Every record behind the snapshot, or behind nothing. */
static int read_records(struct journal *journal, struct error *err)
{
	struct journal_record record;
	struct journal_scan scan;
	int r = 1;

	journal_scan_begin(&scan, journal);
	scan.may_cut = true;
	journal_load_snapshot(journal, &scan);
	while (r > 0) {
		r = journal_scan_next(&scan, &record, err);
		if (r > 0) {
			int taken = take_record(journal, &record, err);

			r = taken < 0 ? taken : 1;
		}
	}
	journal->sequence = journal->durable_sequence = scan.sequence;
	memcpy(journal->chain, scan.chain, SHA256_BYTES);
	journal_scan_end(&scan);
	return r;
}

static int read_all(struct journal *journal, struct error *err)
{
	int r = list_segments(journal);

	if (r < 0)
		return FAIL(err, r, "the journal's folder cannot be listed: %s", strerror(-r));
	for (size_t i = 0; i < journal->n_segments && r >= 0; i++)
		r = open_segment(journal, &journal->segments[i], err);
	if (r >= 0)
		r = drop_headless(journal, err);
	if (r >= 0 && journal->n_segments > 0)
		r = read_records(journal, err);
	if (r >= 0 && journal->n_segments == 0)
		r = journal_rotate(journal, err);
	return r;
}

static int on_commit(sd_event_source *source, void *data)
{
	struct error err = { 0 };
	int r = journal_commit(data, &err);

	if (r < 0)
		log_error("%s", err.text);
	return r < 0 ? sd_event_exit(sd_event_source_get_event(source), r) : 0;
}

static int on_work(sd_event_source *source, void *data)
{
	struct error err = { 0 };
	int r = journal_work(data, &err);

	if (r > 0)
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	if (r < 0)
		log_error("%s", err.text);
	return r < 0 ? sd_event_exit(sd_event_source_get_event(source), r) : 0;
}

static int add_source(struct journal *journal, sd_event_handler_t on_turn, int64_t priority,
		      sd_event_source **ret)
{
	int r = sd_event_add_defer(journal->options.event, ret, on_turn, journal);

	if (r >= 0)
		r = sd_event_source_set_priority(*ret, priority);
	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

static int watch(struct journal *journal, struct error *err)
{
	int r;

	if (!journal->options.event)
		return 0;
	r = add_source(journal, on_commit, COMMIT_PRIORITY, &journal->commit);
	if (r >= 0)
		r = add_source(journal, on_work, WORK_PRIORITY, &journal->work);
	if (r >= 0 && journal->check.journal)
		r = journal_wake(journal);
	return r < 0 ? FAIL(err, r, "event loop: %s", strerror(-r)) : 0;
}

int journal_open(const struct journal_options *options, struct journal **ret, struct error *err)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int r;

	assert(options->segment_bytes > JOURNAL_HEAD_BYTES);
	if (!journal)
		return FAIL(err, -ENOMEM, "out of memory");
	journal->options = *options;
	journal->lock_fd = journal->saving.fd = -1;
	journal->pending = BUF(JOURNAL_PENDING_MAX);
	r = lock(journal, err);
	if (r >= 0)
		r = blob_store_open(options->dir_fd, &journal->blobs, err);
	if (r >= 0)
		r = read_all(journal, err);
	if (r >= 0)
		r = watch(journal, err);
	if (r < 0) {
		journal_close(journal);
		return r;
	}
	*ret = journal;
	return 0;
}
