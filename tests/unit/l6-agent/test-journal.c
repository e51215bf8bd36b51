/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/journal.h"

#include "base/dir.h"
#include "harness/folder.h"
#include "harness/tap.h"

#include <dirent.h>
#include <sys/stat.h>

struct seen {
	unsigned found, durable;
	uint64_t last_sequence, last_position;
	char last_text[64];
};

static void keep_text(struct seen *seen, const struct journal_record *record)
{
	(void)snprintf(seen->last_text, sizeof(seen->last_text), "%.*s",
		       (int)record->payload_length, record->payload);
	seen->last_sequence = record->sequence;
	seen->last_position = record->position;
}

static int on_found(const struct journal_record *record, void *data, struct error *err)
{
	struct seen *seen = data;

	(void)err;
	seen->found++;
	keep_text(seen, record);
	return 0;
}

static void on_durable(const struct journal_record *record, void *data)
{
	struct seen *seen = data;

	seen->durable++;
	keep_text(seen, record);
}

static int open_journal(int dir_fd, struct seen *seen, uint64_t segment_bytes, struct journal **ret,
			struct error *err)
{
	struct journal_options options = {
		.dir_fd = dir_fd,
		.segment_bytes = segment_bytes,
		.on_found = on_found,
		.on_durable = on_durable,
		.data = seen,
	};

	*seen = (struct seen){ 0 };
	return journal_open(&options, ret, err);
}

static struct journal_record record_of(const char *text)
{
	return (struct journal_record){
		.thread = 1,
		.turn = 1,
		.agent = 1,
		.kind = JOURNAL_ACCEPTED,
		.origin = JOURNAL_PERSON,
		.payload = text,
		.payload_length = strlen(text),
	};
}

static void append(struct journal *journal, const char *text)
{
	struct journal_record record = record_of(text);

	EXPECT_INT(journal_append(journal, &record, NULL, NULL), ==, 0);
}

/* n records "{"n":0}" …, one commit each. */
static void write_some(int dir_fd, unsigned n, uint64_t segment_bytes)
{
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;
	char text[32];

	EXPECT_OK(open_journal(dir_fd, &seen, segment_bytes, &journal, &err), &err);
	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text), "{\"n\":%u}", i);
		append(journal, text);
		EXPECT_OK(journal_commit(journal, &err), &err);
	}
	journal_close(journal);
}

static void on_first(const struct journal_record *record, void *data)
{
	(void)record;
	append(data, "{\"from\":\"callback\"}");
}

TEST(one_commit_syncs_once_and_then_runs_the_callbacks)
{
	int dir_fd = test_folder(NULL);
	struct journal_figures before, after;
	struct journal_record record = record_of("{\"a\":1}");
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;

	EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
	journal_get_figures(journal, &before);
	EXPECT_INT(journal_append(journal, &record, on_first, journal), ==, 0);
	append(journal, "{\"a\":2}");
	EXPECT_INT(seen.durable, ==, 0);
	EXPECT_OK(journal_commit(journal, &err), &err);
	journal_get_figures(journal, &after);
	EXPECT_INT(seen.durable, ==, 2);
	EXPECT_INT(after.fsyncs - before.fsyncs, ==, 1);
	EXPECT_INT(journal_durable_sequence(journal), ==, 2);
	EXPECT_INT(journal_last_sequence(journal), ==, 3);
	EXPECT_OK(journal_commit(journal, &err), &err);
	EXPECT_STR(seen.last_text, "{\"from\":\"callback\"}");
	EXPECT_OK(journal_commit(journal, &err), &err);
	EXPECT_INT(seen.durable, ==, 3);
	journal_close(journal);
}

TEST(what_was_committed_is_found_again_and_the_rest_is_not)
{
	int dir_fd = test_folder(NULL);
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;

	EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
	append(journal, "{\"n\":1}");
	EXPECT_OK(journal_commit(journal, &err), &err);
	append(journal, "{\"n\":2}");
	journal_close(journal);
	EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
	EXPECT_INT(seen.found, ==, 1);
	EXPECT_STR(seen.last_text, "{\"n\":1}");
	EXPECT_INT(journal_last_sequence(journal), ==, 1);
	journal_close(journal);
}

TEST(a_second_process_is_refused)
{
	int dir_fd = test_folder(NULL);
	struct error err = { 0 };
	struct journal *one, *two;
	struct seen seen;

	EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &one, &err), &err);
	EXPECT_INT(open_journal(dir_fd, &seen, 1 << 20, &two, &err), ==, -EBUSY);
	EXPECT_STR(err.text, "another process has this journal open");
	journal_close(one);
}

TEST(segments_rotate_and_read_as_one_log)
{
	int dir_fd = test_folder(NULL);
	struct journal_figures figures;
	struct journal_record record;
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct error err = { 0 };
	struct journal *journal;
	uint64_t position;
	struct seen seen;
	unsigned n = 0;

	write_some(dir_fd, 300, 4096);
	EXPECT_OK(open_journal(dir_fd, &seen, 4096, &journal, &err), &err);
	journal_get_figures(journal, &figures);
	EXPECT_INT(figures.segments, >, 5);
	EXPECT_INT(seen.found, ==, 300);
	EXPECT_OK(journal_seek(journal, 1, &position, &err), &err);
	for (; position; n++) {
		char text[32];

		EXPECT_OK(journal_read(journal, position, &payload, &record, &err), &err);
		EXPECT_INT(record.sequence, ==, n + 1);
		(void)snprintf(text, sizeof(text), "{\"n\":%u}", n);
		EXPECT_STR(buf_string(&payload), text);
		position = journal_next(journal, &record);
	}
	EXPECT_INT(n, ==, 300);
	for (uint64_t sequence = 1; sequence <= 300; sequence++) {
		EXPECT_OK(journal_seek(journal, sequence, &position, &err), &err);
		EXPECT_OK(journal_peek(journal, position, &record, &err), &err);
		EXPECT_INT(record.sequence, ==, sequence);
	}
	EXPECT_OK(journal_seek(journal, 301, &position, &err), &err);
	EXPECT_INT(position, ==, 0);
	buf_free(&payload);
	journal_close(journal);
}

TEST(what_waits_for_the_commit_can_be_read)
{
	int dir_fd = test_folder(NULL);
	struct journal_record record = record_of("{\"n\":1}"), back;
	struct buf payload = BUF(JOURNAL_PAYLOAD_MAX);
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;

	EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
	append(journal, "{\"n\":0}");
	EXPECT_INT(journal_append(journal, &record, NULL, NULL), ==, 0);
	EXPECT_OK(journal_read(journal, record.position, &payload, &back, &err), &err);
	EXPECT_STR(buf_string(&payload), "{\"n\":1}");
	EXPECT_OK(journal_peek(journal, record.position, &back, &err), &err);
	EXPECT_INT(back.sequence, ==, 2);
	buf_free(&payload);
	journal_close(journal);
}

static const char only_segment[] = "0000000000000000.journal";

static void copy_prefix(int dir_fd, const struct buf *whole, size_t length)
{
	auto_fd int fd = dir_open(dir_fd, only_segment, O_WRONLY | O_TRUNC, 0);

	EXPECT_INT(fd, >=, 0);
	EXPECT_INT(dir_write_all(fd, whole->data, length), ==, 0);
}

TEST(a_file_cut_at_any_byte_opens_with_the_records_before_the_cut)
{
	int dir_fd = test_folder(NULL);
	struct buf whole = BUF(1 << 20);
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;
	size_t record_bytes = JOURNAL_RECORD_MIN + strlen("{\"n\":0}");

	write_some(dir_fd, 3, 1 << 20);
	EXPECT_INT(dir_read(dir_fd, only_segment, &whole), ==, 0);
	EXPECT_INT(whole.length, ==, JOURNAL_HEAD_BYTES + 3 * record_bytes);
	for (size_t length = 0; length <= whole.length; length++) {
		size_t kept = length < JOURNAL_HEAD_BYTES
				      ? 0
				      : (length - JOURNAL_HEAD_BYTES) / record_bytes;
		struct journal_figures figures;

		copy_prefix(dir_fd, &whole, length);
		EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
		EXPECT_INT(seen.found, ==, kept);
		journal_get_figures(journal, &figures);
		EXPECT_INT(figures.bytes, ==, JOURNAL_HEAD_BYTES + kept * record_bytes);
		append(journal, "{\"after\":1}");
		EXPECT_OK(journal_commit(journal, &err), &err);
		journal_close(journal);
		EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
		EXPECT_INT(seen.found, ==, kept + 1);
		EXPECT_STR(seen.last_text, "{\"after\":1}");
		journal_close(journal);
	}
	buf_free(&whole);
}

TEST(a_flipped_bit_anywhere_is_refused_with_its_place)
{
	int dir_fd = test_folder(NULL);
	struct buf whole = BUF(1 << 20);
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;

	write_some(dir_fd, 2, 1 << 20);
	EXPECT_INT(dir_read(dir_fd, only_segment, &whole), ==, 0);
	for (size_t byte = 0; byte < whole.length; byte++) {
		whole.data[byte] ^= 16;
		copy_prefix(dir_fd, &whole, whole.length);
		whole.data[byte] ^= 16;
		EXPECT_INT(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), ==, -EBADMSG);
		EXPECT_INT(strstr(err.text, only_segment) != NULL, ==, 1);
		EXPECT_INT(strstr(err.text, "at byte ") != NULL, ==, 1);
	}
	buf_free(&whole);
}

TEST(an_incomplete_record_before_the_last_segment_is_refused)
{
	int dir_fd = test_folder(NULL);
	struct error err = { 0 };
	struct journal *journal;
	struct stat status;
	struct seen seen;
	auto_fd int fd = -1;

	write_some(dir_fd, 100, 4096);
	fd = dir_open(dir_fd, only_segment, O_RDWR, 0);
	EXPECT_INT(fstat(fd, &status), ==, 0);
	EXPECT_INT(ftruncate(fd, status.st_size - 1), ==, 0);
	EXPECT_INT(open_journal(dir_fd, &seen, 4096, &journal, &err), ==, -EBADMSG);
	EXPECT_INT(strstr(err.text, "incomplete and more follows") != NULL, ==, 1);
}

TEST(a_missing_segment_is_refused)
{
	int dir_fd = test_folder(NULL);
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;

	write_some(dir_fd, 100, 4096);
	EXPECT_INT(unlinkat(dir_fd, only_segment, 0), ==, 0);
	EXPECT_INT(open_journal(dir_fd, &seen, 4096, &journal, &err), ==, -EBADMSG);
}

TEST(a_new_segment_without_a_whole_head_holds_nothing)
{
	int dir_fd = test_folder(NULL);
	static const char junk[JOURNAL_HEAD_BYTES] = "no head";
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;
	char name[32];
	uint64_t end;

	write_some(dir_fd, 3, 1 << 20);
	end = JOURNAL_HEAD_BYTES + 3 * (JOURNAL_RECORD_MIN + strlen("{\"n\":0}"));
	(void)snprintf(name, sizeof(name), "%016llx.journal", (unsigned long long)end);
	for (size_t bytes = 0; bytes < JOURNAL_HEAD_BYTES; bytes += 13) {
		auto_fd int fd = dir_open(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		EXPECT_INT(dir_write_all(fd, junk, bytes), ==, 0);
		EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
		EXPECT_INT(seen.found, ==, 3);
		journal_close(journal);
	}
}

TEST(a_blob_is_durable_with_the_commit_kept_once_and_checked_when_read)
{
	int dir_fd = test_folder(NULL);
	uint8_t hash[SHA256_BYTES], again[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES], path[80];
	struct journal_figures figures;
	struct buf content = BUF(1 << 20);
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;
	auto_fd int fd = -1;

	EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
	EXPECT_INT(blob_put(journal_blobs(journal), "large", 5, hash), ==, 0);
	EXPECT_INT(blob_put(journal_blobs(journal), "large", 5, again), ==, 0);
	EXPECT_INT(memcmp(hash, again, sizeof(hash)), ==, 0);
	EXPECT_INT(blob_get(journal_blobs(journal), hash, &content), ==, 0);
	EXPECT_STR(buf_string(&content), "large");
	append(journal, "{}");
	EXPECT_OK(journal_commit(journal, &err), &err);
	EXPECT_INT(blob_put(journal_blobs(journal), "large", 5, again), ==, 0);
	append(journal, "{}");
	EXPECT_OK(journal_commit(journal, &err), &err);
	journal_get_figures(journal, &figures);
	EXPECT_INT(figures.blobs, ==, 1);
	sha256_hex(hash, hex);
	(void)snprintf(path, sizeof(path), "blobs/%s", hex);
	fd = dir_open(dir_fd, path, O_WRONLY, 0);
	EXPECT_INT(fd, >=, 0);
	EXPECT_INT(write(fd, "L", 1), ==, 1);
	EXPECT_INT(blob_get(journal_blobs(journal), hash, &content), ==, -EBADMSG);
	hash[0] ^= 1;
	EXPECT_INT(blob_get(journal_blobs(journal), hash, &content), ==, -ENOENT);
	buf_free(&content);
	journal_close(journal);
}

TEST(a_blob_whose_record_never_came_is_swept_away)
{
	int dir_fd = test_folder(NULL);
	uint8_t hash[SHA256_BYTES];
	struct error err = { 0 };
	struct journal *journal;
	struct seen seen;
	unsigned n = 0;
	DIR *dir;

	EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
	EXPECT_INT(blob_put(journal_blobs(journal), "lost", 4, hash), ==, 0);
	journal_close(journal);
	EXPECT_OK(open_journal(dir_fd, &seen, 1 << 20, &journal, &err), &err);
	dir = fdopendir(dir_open(dir_fd, "blobs/new", O_RDONLY | O_DIRECTORY, 0));
	EXPECT_INT(dir != NULL, ==, 1);
	for (struct dirent *entry; (entry = readdir(dir));)
		n += entry->d_name[0] != '.';
	closedir(dir);
	EXPECT_INT(n, ==, 0);
	journal_close(journal);
}
