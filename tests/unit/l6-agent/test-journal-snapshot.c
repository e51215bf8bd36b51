/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/journal-snapshot.h"

#include "base/dir.h"
#include "harness/folder.h"
#include "harness/tap.h"
#include "l6-agent/journal.h"
#include "l6-agent/threads-path.h"
#include "l6-agent/threads.h"

#include <string.h>
#include <sys/stat.h>

enum { THREADS = 12, SEGMENT = 16 * 1024, DUMP_MAX = 64 << 20 };

/* A journal with its fold, as agentd has it. */
struct session {
	int dir_fd;
	uint64_t snapshot_bytes, seed;
	bool reads_all;
	struct journal *journal;
	struct threads *threads;
	struct error err;
};

static int on_found(const struct journal_record *record, void *data, struct error *err)
{
	struct session *session = data;

	return threads_apply(session->threads, record, err);
}

static int on_save(struct buf *out, void *data)
{
	const struct session *session = data;

	return threads_save(session->threads, out);
}

static int on_load(const struct journal_fold *fold, void *data)
{
	struct session *session = data;
	struct threads *loaded;
	int r = threads_load(fold->bytes, fold->length, fold->sequence, fold->position, &loaded);

	if (r < 0)
		return r;
	threads_free(session->threads);
	session->threads = loaded;
	return 0;
}

static int try_open(struct session *session)
{
	struct journal_options options = {
		.dir_fd = session->dir_fd,
		.segment_bytes = SEGMENT,
		.snapshot_bytes = session->snapshot_bytes,
		.on_save = on_save,
		.on_load = session->reads_all ? NULL : on_load,
		.on_found = on_found,
		.data = session,
	};

	session->err = (struct error){ 0 };
	EXPECT_INT(threads_new(&session->threads), ==, 0);
	return journal_open(&options, &session->journal, &session->err);
}

static void open_it(struct session *session)
{
	EXPECT_OK(try_open(session), &session->err);
}

static void close_it(struct session *session)
{
	journal_close(session->journal);
	threads_free(session->threads);
}

static uint64_t draw(struct session *session, uint64_t below)
{
	session->seed = session->seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (session->seed >> 33) % below;
}

static void append(struct session *session, uint64_t thread, uint64_t turn, enum journal_kind kind,
		   const char *payload)
{
	const struct thread *known = threads_by_id(session->threads, thread);
	struct journal_record record = {
		.previous = known ? known->last_position : 0,
		.thread = thread,
		.turn = turn,
		.owner = 1000 + (uint32_t)(thread % 3),
		.agent = 1,
		.kind = kind,
		.origin = JOURNAL_AGENT,
		.payload = payload,
		.payload_length = strlen(payload),
	};

	EXPECT_INT(journal_append(session->journal, &record, NULL, NULL), ==, 0);
	EXPECT_OK(threads_apply(session->threads, &record, &session->err), &session->err);
}

static void append_thread(struct session *session)
{
	char text[96];

	size_t n = threads_count(session->threads);
	uint64_t from = n >= 3 ? threads_by_id(session->threads, n - 2)->head : 0;

	if (from > 0 && draw(session, 2) == 0) /* the same owner's */
		(void)snprintf(text, sizeof(text), "{\"name\":\"thread %zu ä\",\"branch\":%llu}", n,
			       (unsigned long long)from);
	else
		(void)snprintf(text, sizeof(text), "{\"name\":\"thread %zu ä\"}", n);
	append(session, threads_count(session->threads) + 1, 0, JOURNAL_THREAD_NEW, text);
}

static void append_message(struct session *session, uint64_t thread)
{
	uint64_t turn = turns_count(session->threads) + 1;
	char text[96];

	(void)snprintf(text, sizeof(text), "{\"key\":\"k%llu\",\"text\":\"message %llu\\nmore\"}",
		       (unsigned long long)turn, (unsigned long long)draw(session, 1000));
	append(session, thread, turn, JOURNAL_ACCEPTED, text);
}

/* What may come next in an open turn. */
static void append_progress(struct session *session, uint64_t thread, uint64_t turn)
{
	static const char *const ends[] = { "{\"state\":\"done\"}", "{\"state\":\"failed\"}",
					    "{\"state\":\"interrupted\"}" };

	char labels[96];

	(void)snprintf(labels, sizeof(labels), "{\"labels\":[\"web:host%llu.example\",\"memory\"]}",
		       (unsigned long long)draw(session, 40));
	if (turns_at(session->threads, turn)->state == TURN_ACCEPTED)
		append(session, thread, turn, JOURNAL_TURN_STARTED, "{}");
	else if (draw(session, 3) == 0)
		append(session, thread, turn, JOURNAL_TURN_DONE, ends[draw(session, 3)]);
	else if (draw(session, 4) == 0)
		append(session, thread, turn, JOURNAL_TOOL_DONE, labels);
	else if (draw(session, 8) == 0)
		append(session, thread, turn, JOURNAL_COMPACTED, "{\"ok\":true}");
	else
		append(session, thread, turn, JOURNAL_MODEL_DONE, "{\"text\":\"something\"}");
}

/* Back or on in the conversation, where that is possible. */
static bool append_move(struct session *session, const struct thread *thread)
{
	uint64_t back = thread->head, on = threads_path_redo(session->threads, thread);
	bool is_back = back > 0 && (on == 0 || draw(session, 2) == 0);
	char text[96];

	if (back == 0 && on == 0)
		return false;
	(void)snprintf(
		text, sizeof(text), "{\"way\":\"%s\",\"turn\":%llu,\"head\":%llu}",
		is_back ? "undo" : "redo", (unsigned long long)(is_back ? back : on),
		(unsigned long long)(is_back ? turns_at(session->threads, back)->before : on));
	append(session, thread->id, 0, JOURNAL_HEAD, text);
	return true;
}

static void append_something(struct session *session)
{
	size_t n = threads_count(session->threads);
	const struct thread *thread = n ? threads_at(session->threads, draw(session, n)) : NULL;
	uint64_t last = thread ? thread->last_turn : 0;

	if (!thread || (n < THREADS && draw(session, 20) == 0))
		append_thread(session);
	else if (last > 0 && turns_at(session->threads, last)->state <= TURN_STARTED)
		append_progress(session, thread->id, last);
	else if (draw(session, 3) > 0 || !append_move(session, thread))
		append_message(session, thread->id);
}

static int work(struct session *session)
{
	return journal_work(session->journal, &session->err);
}

/* n records in commits of any size, with the background work in between, now more, now less. */
static void play(struct session *session, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		append_something(session);
		if (i + 1 == n || draw(session, 3) == 0)
			EXPECT_OK(journal_commit(session->journal, &session->err), &session->err);
		if (draw(session, 2) == 0)
			EXPECT_INT(work(session), >=, 0);
	}
}

static void dump_place(struct session *session, uint64_t sequence, struct buf *out)
{
	uint64_t position = 0;

	EXPECT_OK(journal_seek(session->journal, sequence, &position, &session->err),
		  &session->err);
	EXPECT_INT(buf_printf(out, "%llu at %llu\n", (unsigned long long)sequence,
			      (unsigned long long)position),
		   ==, 0);
}

/* Everything the fold knows, by its own questions, and where each record lies. */
static char *dump(struct session *session)
{
	const struct threads *threads = session->threads;
	struct buf out = BUF(DUMP_MAX);

	for (size_t i = 0; i < threads_count(threads); i++) {
		const struct thread *t = threads_at(threads, i);

		EXPECT_INT(threads_by_name(threads, t->owner, t->name) == t, ==, 1);
		EXPECT_INT(
			buf_printf(
				&out,
				"thread %llu %u %s|%s|%s %llu %llu %llu %llu %llu %llu %llu %llu\n",
				(unsigned long long)t->id, t->owner, t->name,
				t->title ? t->title : "(none)", t->labels ? t->labels : "(none)",
				(unsigned long long)t->n_turns, (unsigned long long)t->last_turn,
				(unsigned long long)t->last_sequence,
				(unsigned long long)t->last_position,
				(unsigned long long)t->updated_us, (unsigned long long)t->head,
				(unsigned long long)t->tip, (unsigned long long)t->origin),
			==, 0);
	}
	for (uint64_t id = 1; id <= turns_count(threads); id++) {
		const struct turn_entry *e = turns_at(threads, id);

		EXPECT_INT(buf_printf(&out, "turn %llu %llu %llx %u %u %u %llu %llu\n",
				      (unsigned long long)id, (unsigned long long)e->last_position,
				      (unsigned long long)e->key_hash, e->thread, e->state,
				      e->before,
				      (unsigned long long)threads_path_compaction(threads, id, 0),
				      (unsigned long long)threads_path_compaction(
					      threads, id, e->last_position / 2)),
			   ==, 0);
	}
	for (uint64_t n = 1; n <= journal_last_sequence(session->journal) + 1; n++)
		dump_place(session, n, &out);
	return buf_take(&out);
}

static uint64_t opened_behind(const struct session *session)
{
	struct journal_figures figures;

	journal_get_figures(session->journal, &figures);
	return figures.snapshot;
}

static char *open_and_dump(struct session *session, uint64_t *ret_behind)
{
	char *text;

	open_it(session);
	text = dump(session);
	*ret_behind = opened_behind(session);
	close_it(session);
	return text;
}

static void forget(int dir_fd)
{
	EXPECT_INT(unlinkat(dir_fd, "snapshot", 0), ==, 0);
}

TEST(a_fold_from_a_snapshot_and_the_rest_equals_the_fold_from_everything)
{
	struct session session = { .dir_fd = test_folder(NULL), .snapshot_bytes = 3000, .seed = 1 };
	unsigned used = 0;

	for (unsigned round = 0; round < 8; round++) {
		uint64_t behind, nothing;
		char *live, *from_snapshot, *from_everything;

		open_it(&session);
		play(&session, 1 + (unsigned)draw(&session, 400));
		live = dump(&session);
		if (round % 2)
			journal_save(session.journal);
		close_it(&session);
		from_snapshot = open_and_dump(&session, &behind);
		EXPECT_STR(from_snapshot, live);
		used += behind > 0;
		if (behind > 0 && round % 3 == 0)
			forget(session.dir_fd);
		session.reads_all = true;
		from_everything = open_and_dump(&session, &nothing);
		session.reads_all = false;
		session.snapshot_bytes = 500 + draw(&session, 8000);
		EXPECT_INT(nothing, ==, 0);
		EXPECT_STR(from_everything, live);
		free(live);
		free(from_snapshot);
		free(from_everything);
	}
	EXPECT_INT(used, >, 5);
}

/* A journal of some segments, stopped in order; text is what its fold must always be. */
static char *stopped_session(struct session *session, unsigned n, struct buf *snapshot)
{
	char *text;

	*session = (struct session){ .dir_fd = test_folder(NULL), .seed = 7 };
	session->snapshot_bytes = 1;
	open_it(session);
	play(session, n);
	text = dump(session);
	journal_save(session->journal);
	close_it(session);
	EXPECT_INT(dir_read(session->dir_fd, "snapshot", snapshot), ==, 0);
	return text;
}

static void put_snapshot(int dir_fd, const void *bytes, size_t length)
{
	auto_fd int fd = dir_open(dir_fd, "snapshot", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	EXPECT_INT(dir_write_all(fd, bytes, length), ==, 0);
}

/* Nothing is missing from the fold, whose snapshot holds so many records (0: it was ignored). */
static void expect_fold(struct session *session, const char *text, uint64_t wanted)
{
	uint64_t behind;
	char *found = open_and_dump(session, &behind);

	EXPECT_INT(behind, ==, wanted);
	EXPECT_STR(found, text);
	free(found);
}

/* Opens with these bytes as the snapshot: it must be ignored and nothing be missing. */
static void expect_ignored(struct session *session, const char *text, const void *bytes,
			   size_t length)
{
	put_snapshot(session->dir_fd, bytes, length);
	expect_fold(session, text, 0);
}

static void hash_again(struct buf *bytes)
{
	sha256_of(bytes->data, bytes->length - SHA256_BYTES,
		  (uint8_t *)bytes->data + bytes->length - SHA256_BYTES);
}

TEST(a_snapshot_that_is_cut_or_flipped_anywhere_is_ignored)
{
	struct buf snapshot = BUF(JOURNAL_SNAPSHOT_BYTES_MAX);
	struct session session;
	char *text = stopped_session(&session, 40, &snapshot);

	for (size_t length = 0; length < snapshot.length; length++)
		expect_ignored(&session, text, snapshot.data, length);
	for (size_t byte = 0; byte < snapshot.length; byte++) {
		snapshot.data[byte] = (char)(snapshot.data[byte] ^ 1 << byte % 8);
		expect_ignored(&session, text, snapshot.data, snapshot.length);
		snapshot.data[byte] = (char)(snapshot.data[byte] ^ 1 << byte % 8);
	}
	put_snapshot(session.dir_fd, snapshot.data, snapshot.length);
	expect_fold(&session, text, 40);
	free(text);
	buf_free(&snapshot);
}

TEST(a_snapshot_with_a_head_that_does_not_fit_is_ignored_whatever_its_hash)
{
	enum { HEAD_AND_FIRST_MARK = 72 + 8 };
	struct buf snapshot = BUF(JOURNAL_SNAPSHOT_BYTES_MAX);
	struct session session;
	char *text = stopped_session(&session, 120, &snapshot);

	for (size_t bit = 0; bit < 8 * HEAD_AND_FIRST_MARK; bit++) {
		snapshot.data[bit / 8] = (char)(snapshot.data[bit / 8] ^ 1 << bit % 8);
		hash_again(&snapshot);
		expect_ignored(&session, text, snapshot.data, snapshot.length);
		snapshot.data[bit / 8] = (char)(snapshot.data[bit / 8] ^ 1 << bit % 8);
	}
	free(text);
	buf_free(&snapshot);
}

TEST(a_snapshot_of_another_journal_is_ignored)
{
	struct buf snapshot = BUF(JOURNAL_SNAPSHOT_BYTES_MAX), other = BUF(snapshot.max);
	struct session session;
	char *text = stopped_session(&session, 50, &other);

	free(text);
	close_fd(&session.dir_fd);
	text = stopped_session(&session, 50, &snapshot);
	EXPECT_INT(other.length, ==, snapshot.length);
	expect_ignored(&session, text, other.data, other.length);
	free(text);
	buf_free(&snapshot);
	buf_free(&other);
}

TEST(a_snapshot_of_records_that_were_lost_is_ignored)
{
	struct session session = { .dir_fd = test_folder(NULL), .seed = 3 };
	struct buf whole = BUF(1 << 20), snapshot = BUF(JOURNAL_SNAPSHOT_BYTES_MAX);
	auto_fd int fd = -1;
	char *text;

	session.snapshot_bytes = 1;
	open_it(&session);
	play(&session, 10);
	text = dump(&session);
	EXPECT_INT(dir_read(session.dir_fd, "0000000000000000.journal", &whole), ==, 0);
	play(&session, 10);
	journal_save(session.journal);
	close_it(&session);
	EXPECT_INT(dir_read(session.dir_fd, "snapshot", &snapshot), ==, 0);
	fd = dir_open(session.dir_fd, "0000000000000000.journal", O_RDWR, 0);
	EXPECT_INT(ftruncate(fd, (off_t)whole.length), ==, 0);
	expect_ignored(&session, text, snapshot.data, snapshot.length);
	free(text);
	buf_free(&whole);
	buf_free(&snapshot);
}

TEST(damage_before_a_snapshot_is_found_afterwards_and_then_refused_with_its_place)
{
	struct session session;
	struct buf snapshot = BUF(JOURNAL_SNAPSHOT_BYTES_MAX), whole = BUF(1 << 20);
	char *text = stopped_session(&session, 260, &snapshot);
	static const char first[] = "0000000000000000.journal";
	unsigned late = 0;

	free(text);
	EXPECT_INT(dir_read(session.dir_fd, first, &whole), ==, 0);
	for (size_t byte = 0; byte < whole.length; byte += 31) {
		auto_fd int fd = dir_open(session.dir_fd, first, O_RDWR, 0);
		char flipped = (char)(whole.data[byte] ^ 1);
		char said[ERROR_TEXT_BYTES];
		int r;

		put_snapshot(session.dir_fd, snapshot.data, snapshot.length);
		EXPECT_INT(pwrite(fd, &flipped, 1, (off_t)byte), ==, 1);
		r = try_open(&session);
		if (r >= 0) {
			late++;
			do
				r = work(&session);
			while (r > 0);
			close_it(&session);
			EXPECT_INT(faccessat(session.dir_fd, "snapshot", F_OK, 0), ==, -1);
		} else {
			threads_free(session.threads);
		}
		EXPECT_INT(r, ==, -EBADMSG);
		(void)snprintf(said, sizeof(said), "%s", session.err.text);
		EXPECT_INT(try_open(&session), ==, -EBADMSG);
		threads_free(session.threads);
		EXPECT_STR(session.err.text, said);
		EXPECT_INT(strncmp(said,
				   "the journal is damaged: 0000000000000000.journal at byte ", 52),
			   ==, 0);
		EXPECT_INT(pwrite(fd, whole.data + byte, 1, (off_t)byte), ==, 1);
	}
	EXPECT_INT(late, >, whole.length / 31 - 8);
	buf_free(&whole);
	buf_free(&snapshot);
}

TEST(a_wrong_index_is_found_afterwards_and_the_next_open_reads_everything)
{
	enum { SECOND_MARK = 72 + 8 };
	struct buf snapshot = BUF(JOURNAL_SNAPSHOT_BYTES_MAX);
	struct session session;
	char *text = stopped_session(&session, 200, &snapshot);

	snapshot.data[SECOND_MARK] ^= 1;
	hash_again(&snapshot);
	put_snapshot(session.dir_fd, snapshot.data, snapshot.length);
	open_it(&session);
	EXPECT_INT(opened_behind(&session), ==, 200);
	EXPECT_INT(work(&session), ==, -EBADMSG);
	close_it(&session);
	expect_fold(&session, text, 0);
	free(text);
	buf_free(&snapshot);
}

TEST(a_snapshot_that_cannot_be_written_is_done_without)
{
	struct session session = { .dir_fd = test_folder(NULL), .snapshot_bytes = 1000, .seed = 5 };
	char *text;

	EXPECT_INT(mkdirat(session.dir_fd, "snapshot.new", 0700), ==, 0);
	open_it(&session);
	play(&session, 100);
	journal_save(session.journal);
	text = dump(&session);
	close_it(&session);
	expect_fold(&session, text, 0);
	free(text);
}

TEST(a_commit_that_begins_a_snapshot_syncs_once_as_any_other)
{
	struct session session = { .dir_fd = test_folder(NULL), .snapshot_bytes = 1, .seed = 5 };
	struct journal_figures before, after;

	open_it(&session);
	for (unsigned i = 0; i < 20; i++) {
		append_something(&session);
		journal_get_figures(session.journal, &before);
		EXPECT_OK(journal_commit(session.journal, &session.err), &session.err);
		journal_get_figures(session.journal, &after);
		EXPECT_INT(after.fsyncs - before.fsyncs, ==, 1);
		EXPECT_INT(after.snapshots, ==, i);
		while (work(&session) > 0)
			;
		journal_get_figures(session.journal, &after);
		EXPECT_INT(after.fsyncs - before.fsyncs, ==, 3);
		EXPECT_INT(after.snapshots, ==, i + 1);
	}
	close_it(&session);
}

TEST(what_is_not_committed_stays_out_of_a_stop)
{
	struct session session = { .dir_fd = test_folder(NULL), .snapshot_bytes = 1, .seed = 5 };
	uint64_t behind;

	open_it(&session);
	append_something(&session);
	journal_save(session.journal);
	close_it(&session);
	free(open_and_dump(&session, &behind));
	EXPECT_INT(behind, ==, 0);
}
