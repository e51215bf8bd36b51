/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Opening a journal: lock, find the segments, read and check every record, cut an incomplete end.
 */
#include "base/dir.h"
#include "base/log.h"
#include "l6-agent/journal-internal.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { READ_STEP = 256 * 1024, COMMIT_PRIORITY = SD_EVENT_PRIORITY_NORMAL + 100 };

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
	segment->bytes = (uint64_t)status.st_size;
	return 0;
}

static int damaged(const struct journal_segment *segment, uint64_t offset, const char *reason,
		   struct error *err)
{
	char name[JOURNAL_NAME_BYTES];

	journal_segment_name(segment->start, name);
	return FAIL(err, -EBADMSG, "the journal is damaged: %s at byte %" PRIu64 ": %s", name,
		    offset, reason);
}

static int check_head(struct journal *journal, struct journal_segment *segment, uint64_t start,
		      struct error *err)
{
	uint8_t bytes[JOURNAL_HEAD_BYTES];
	struct journal_head head;
	ssize_t n;

	if (segment->start != start)
		return damaged(segment, 0, "the segment before it is missing or of another size",
			       err);
	n = pread(segment->fd, bytes, sizeof(bytes), 0);
	if (n != sizeof(bytes))
		return damaged(segment, 0, "its head is incomplete", err);
	if (!journal_head_decode(bytes, &head))
		return damaged(segment, 0, "its head is damaged or of another version", err);
	if (head.start != start || head.first_sequence != journal->sequence + 1 ||
	    memcmp(head.chain, journal->chain, SHA256_BYTES) != 0)
		return damaged(segment, 0, "it does not continue the segment before it", err);
	segment->first_sequence = head.first_sequence;
	return 0;
}

/* Bytes of one segment as they are checked: window holds [offset, offset + window.length). */
struct scan {
	struct journal *journal;
	struct journal_segment *segment;
	bool is_last;
	struct buf window;
	uint64_t offset;
};

/* Reads until the window holds at least want bytes or the segment's end. */
static int fill(struct scan *scan, size_t want)
{
	while (scan->window.length < want) {
		uint64_t at = scan->offset + scan->window.length;
		char *room;
		ssize_t n;
		int r = buf_reserve(&scan->window, READ_STEP, &room);

		if (r < 0)
			return r;
		n = pread(scan->segment->fd, room, READ_STEP, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_commit(&scan->window, (size_t)n);
	}
	return 0;
}

static int cut(struct scan *scan, uint64_t offset, struct error *err)
{
	struct journal_segment *segment = scan->segment;

	if (!scan->is_last)
		return damaged(segment, offset, "a record is incomplete and more follows", err);
	scan->journal->figures.cut_bytes = segment->bytes - offset;
	if (ftruncate(segment->fd, (off_t)offset) < 0 || fdatasync(segment->fd) < 0)
		return FAIL(err, -errno, "the journal's incomplete end cannot be cut off: %s",
			    strerror(errno));
	segment->bytes = offset;
	return 0;
}

static int take_record(struct scan *scan, struct journal_record *record, uint64_t offset,
		       struct error *err)
{
	struct journal *journal = scan->journal;
	int r;

	if (record->sequence != journal->sequence + 1)
		return damaged(scan->segment, offset, "a sequence number is missing", err);
	record->position = scan->segment->start + offset;
	if (record->previous >= record->position)
		return damaged(scan->segment, offset, "it points forward", err);
	journal->sequence = record->sequence;
	r = journal_mark(journal, record->sequence, record->position);
	if (r < 0)
		return FAIL(err, r, "out of memory");
	return journal->options.on_found
		       ? journal->options.on_found(record, journal->options.data, err)
		       : 0;
}

/* One window's worth of records from *used on. 1: go on, 0: the segment is done. */
static int scan_window(struct scan *scan, size_t *used, struct error *err)
{
	struct journal_record record;
	const char *reason = NULL;
	uint64_t offset = scan->offset + *used;
	int r;

	if (offset == scan->segment->bytes)
		return 0;
	switch (journal_record_decode((const uint8_t *)scan->window.data + *used,
				      scan->window.length - *used, scan->journal->chain, &record,
				      &reason)) {
	case JOURNAL_WRONG:
		return damaged(scan->segment, offset, reason, err);
	case JOURNAL_CUT:
		if (scan->offset + scan->window.length == scan->segment->bytes) {
			r = cut(scan, offset, err);
			return r < 0 ? r : 0;
		}
		buf_consume(&scan->window, *used);
		scan->offset += *used;
		*used = 0;
		r = fill(scan, scan->window.length + READ_STEP);
		return r < 0 ? FAIL(err, r, "the journal cannot be read: %s", strerror(-r)) : 1;
	case JOURNAL_WHOLE:
		break;
	}
	r = take_record(scan, &record, offset, err);
	*used += journal_record_bytes(&record);
	return r < 0 ? r : 1;
}

static int scan_segment(struct journal *journal, struct journal_segment *segment, bool is_last,
			struct error *err)
{
	struct scan scan = {
		.journal = journal,
		.segment = segment,
		.is_last = is_last,
		.window = BUF(JOURNAL_RECORD_MAX + 2 * READ_STEP),
		.offset = JOURNAL_HEAD_BYTES,
	};
	size_t used = 0;
	int r = fill(&scan, READ_STEP);

	if (r < 0)
		(void)FAIL(err, r, "the journal cannot be read: %s", strerror(-r));
	while (r >= 0) {
		r = scan_window(&scan, &used, err);
		if (r == 0)
			break;
	}
	buf_free(&scan.window);
	return r;
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

static int read_all(struct journal *journal, struct error *err)
{
	uint64_t start = 0;
	int r = list_segments(journal);

	if (r < 0)
		return FAIL(err, r, "the journal's folder cannot be listed: %s", strerror(-r));
	for (size_t i = 0; i < journal->n_segments && r >= 0; i++)
		r = open_segment(journal, &journal->segments[i], err);
	if (r >= 0)
		r = drop_headless(journal, err);
	for (size_t i = 0; i < journal->n_segments && r >= 0; i++) {
		struct journal_segment *segment = &journal->segments[i];

		r = check_head(journal, segment, start, err);
		if (r >= 0)
			r = scan_segment(journal, segment, i + 1 == journal->n_segments, err);
		start = segment->start + segment->bytes;
	}
	journal->durable_sequence = journal->sequence;
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

static int watch(struct journal *journal, struct error *err)
{
	int r;

	if (!journal->options.event)
		return 0;
	r = sd_event_add_defer(journal->options.event, &journal->commit, on_commit, journal);
	if (r >= 0)
		r = sd_event_source_set_priority(journal->commit, COMMIT_PRIORITY);
	if (r >= 0)
		r = sd_event_source_set_enabled(journal->commit, SD_EVENT_OFF);
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
	journal->lock_fd = -1;
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
