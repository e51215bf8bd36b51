/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/threads.h"

#include "l6-agent/job.h"

#include "harness/tap.h"
#include "l6-agent/threads-path.h"

static struct threads *table;
static uint64_t sequence;

static int apply(enum journal_kind kind, uint64_t thread, uint64_t turn, const char *payload)
{
	struct error err = { 0 };
	struct journal_record record = {
		.sequence = sequence + 1,
		.position = (sequence + 1) * 1000,
		.time_us = sequence + 1,
		.thread = thread,
		.turn = turn,
		.owner = 7,
		.kind = kind,
		.payload = payload,
		.payload_length = strlen(payload),
	};

	sequence++;
	return threads_apply(table, &record, &err);
}

static void begin(void)
{
	EXPECT_INT(threads_new(&table), ==, 0);
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 1, 0, "{\"name\":\"main\"}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 1, 1, "{\"key\":\"a\",\"text\":\"hello\\nyou\"}"), ==,
		   0);
}

TEST(records_become_threads_and_turns)
{
	const struct thread *thread;

	begin();
	thread = threads_by_name(table, 7, "main");
	EXPECT_INT(thread != NULL, ==, 1);
	EXPECT_STR(thread->title, "hello");
	EXPECT_INT(thread->n_turns, ==, 1);
	EXPECT_INT(thread->last_position, ==, 2000);
	EXPECT_INT(threads_by_name(table, 8, "main") == NULL, ==, 1);
	EXPECT_INT(threads_by_name(table, 7, "other") == NULL, ==, 1);
	EXPECT_INT(turns_at(table, 1)->state, ==, TURN_ACCEPTED);
	EXPECT_INT(apply(JOURNAL_TURN_STARTED, 1, 1, "{}"), ==, 0);
	EXPECT_INT(turns_at(table, 1)->state, ==, TURN_STARTED);
	EXPECT_INT(apply(JOURNAL_TURN_DONE, 1, 1, "{\"state\":\"interrupted\"}"), ==, 0);
	EXPECT_INT(turns_at(table, 1)->state, ==, TURN_INTERRUPTED);
	EXPECT_INT(turns_at(table, 1)->last_position, ==, 4000);
	EXPECT_INT(turns_at(table, 2) == NULL, ==, 1);
	threads_free(table);
}

TEST(a_key_finds_its_turn)
{
	begin();
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 1, 2, "{\"key\":\"b\",\"text\":\"x\"}"), ==, 0);
	EXPECT_INT(turns_by_key(table, turns_key_hash(7, "a"), 0), ==, 1);
	EXPECT_INT(turns_by_key(table, turns_key_hash(7, "b"), 0), ==, 2);
	EXPECT_INT(turns_by_key(table, turns_key_hash(7, "c"), 0), ==, 0);
	EXPECT_INT(turns_by_key(table, turns_key_hash(7, "b"), 2), ==, 0);
	EXPECT_INT(turns_by_key(table, turns_key_hash(8, "a"), 0), ==, 0); /* another owner's */
	threads_free(table);
}

TEST(a_thread_has_the_labels_of_all_it_was_shown)
{
	const struct thread *thread;

	begin();
	thread = threads_by_name(table, 7, "main");
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 2, 0, "{\"name\":\"other\"}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_TURN_STARTED, 1, 1, "{\"labels\":[\"web:b.example\"]}"), ==, 0);
	EXPECT_STR(thread->labels, "[\"web:b.example\"]");
	EXPECT_INT(apply(JOURNAL_TOOL_STARTED, 1, 1, "{\"labels\":[\"none\"]}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_TOOL_DONE, 1, 1, "{\"result\":\"x\",\"labels\":[]}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_TOOL_DONE, 1, 1,
			 "{\"result\":\"x \\\"labels\\\":[\\\"no\\\"]\",\"labels\":[]}"),
		   ==, 0);
	EXPECT_STR(thread->labels, "[\"web:b.example\"]");
	EXPECT_INT(apply(JOURNAL_TOOL_DONE, 1, 1,
			 "{\"labels\":[\"web:b.example\",\"a\",\"no label\"]}"),
		   ==, 0);
	EXPECT_STR(thread->labels, "[\"any\"]"); /* a label that is none may be every label */
	EXPECT_INT(threads_by_name(table, 7, "other")->labels == NULL, ==, 1);
	threads_free(table);
}

#define JOB(tools) \
	"{\"name\":\"job-2\",\"job\":{\"kind\":\"job\",\"title\":\"t\",\"parent\":1,\"turn\":1," \
	"\"maxCalls\":2,\"deadlineUsec\":5,\"tools\":" tools "}}"

TEST(a_job_has_its_tools_and_counts_its_model_calls_also_when_it_was_saved)
{
	struct buf saved = BUF(65536);
	struct threads *loaded = NULL;
	const struct job *job;

	begin();
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 2, 0, JOB("[\"echo\",\"no_such_tool\"]")), ==, 0);
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 2, 2,
			 "{\"text\":\"x\",\"intent\":9,\"labels\":[\"mail\"]}"),
		   ==, 0);
	EXPECT_INT(apply(JOURNAL_TURN_STARTED, 2, 2, "{}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_MODEL_DONE, 2, 2, "{}"), ==, 0);
	EXPECT_STR(threads_by_id(table, 2)->labels, "[\"mail\"]");
	EXPECT_INT(threads_by_id(table, 1)->job == NULL, ==, 1);
	EXPECT_INT(threads_save(table, &saved), ==, 0);
	EXPECT_INT(threads_load((const uint8_t *)saved.data, saved.length, sequence,
				sequence * 1000, &loaded),
		   ==, 0);
	job = threads_by_id(loaded, 2)->job;
	EXPECT_INT(job->n_tools, ==, 1); /* what is not known is not offered */
	EXPECT_INT(job_has_tool(job, tool_find("echo")), ==, 1);
	EXPECT_INT(job_has_tool(job, tool_find("shell")), ==, 0);
	EXPECT_INT(job_calls_left(job), ==, 1);
	EXPECT_INT(job->deadline_us, ==, 5);
	EXPECT_INT(job_time_left_us(job), ==, 0);
	buf_free(&saved);
	threads_free(loaded);
	threads_free(table);
}

TEST(a_job_that_is_none_is_refused)
{
	begin();
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 2, 0, "{\"name\":\"b\",\"job\":7}"), ==, -EBADMSG);
	threads_free(table);
	begin();
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 2, 0,
			 "{\"name\":\"b\",\"job\":{\"kind\":\"x\",\"title\":\"t\"}}"),
		   ==, -EBADMSG);
	threads_free(table);
}

TEST(records_that_cannot_follow_are_refused)
{
	begin();
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 2, 0, "{\"name\":\"main\"}"), ==, -EBADMSG);
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 3, 0, "{\"name\":\"b\"}"), ==, -EBADMSG);
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 2, 2, "{\"text\":\"x\"}"), ==, -EBADMSG);
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 1, 3, "{\"text\":\"x\"}"), ==, -EBADMSG);
	EXPECT_INT(apply(JOURNAL_ANSWER, 1, 9, "{}"), ==, -EBADMSG);
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 1, 2, "not json"), ==, -EBADMSG);
	EXPECT_INT(apply(JOURNAL_TURN_DONE, 1, 1, "{\"state\":\"accepted\"}"), ==, -EBADMSG);
	EXPECT_INT(apply(JOURNAL_TURN_DONE, 1, 1, "{\"state\":\"done\"}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_TURN_DONE, 1, 1, "{\"state\":\"done\"}"), ==, -EBADMSG);
	threads_free(table);
}

TEST(a_title_does_not_end_inside_a_character)
{
	static const char long_text[] =
		"{\"text\":\"ääääääääääääääääääääääääääääääääääääääääääääääääääääääääääää\"}";

	EXPECT_INT(threads_new(&table), ==, 0);
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 1, 0, "{\"name\":\"main\"}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 1, 1, long_text), ==, 0);
	EXPECT_INT(strlen(threads_at(table, 0)->title) % 2, ==, 0);
	EXPECT_INT(strlen(threads_at(table, 0)->title), <=, 60);
	threads_free(table);
}

static void say(uint64_t turn, const char *more)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "{\"text\":\"x\"%s}", more);
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 1, turn, text), ==, 0);
	EXPECT_INT(apply(JOURNAL_TURN_DONE, 1, turn, "{\"state\":\"done\"}"), ==, 0);
}

static int move(const char *way, uint64_t turn, uint64_t head)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "{\"way\":\"%s\",\"turn\":%llu,\"head\":%llu}", way,
		       (unsigned long long)turn, (unsigned long long)head);
	return apply(JOURNAL_HEAD, 1, 0, text);
}

static void expect_path(uint64_t thread, const char *expected)
{
	struct buf text = BUF(256);
	uint64_t *turns;
	size_t n;

	EXPECT_INT(threads_path(table, threads_by_id(table, thread)->head, 0, &turns, &n), ==, 0);
	for (size_t i = 0; i < n; i++)
		EXPECT_INT(buf_printf(&text, "%llu ", (unsigned long long)turns[i]), ==, 0);
	EXPECT_STR(buf_string(&text), expected);
	buf_free(&text);
	free(turns);
}

TEST(undo_goes_back_redo_goes_on_and_a_message_ends_that)
{
	const struct thread *thread;

	begin();
	EXPECT_INT(apply(JOURNAL_TURN_DONE, 1, 1, "{\"state\":\"done\"}"), ==, 0);
	say(2, "");
	say(3, "");
	thread = threads_by_id(table, 1);
	EXPECT_INT(move("redo", 3, 3), ==, -EBADMSG);
	EXPECT_INT(move("undo", 2, 1), ==, -EBADMSG); /* not the last */
	EXPECT_INT(move("undo", 3, 1), ==, -EBADMSG);
	EXPECT_INT(move("undo", 3, 2), ==, 0);
	EXPECT_INT(move("undo", 2, 1), ==, 0);
	expect_path(1, "1 ");
	EXPECT_INT(threads_path_redo(table, thread), ==, 2);
	EXPECT_INT(move("redo", 3, 3), ==, -EBADMSG);
	EXPECT_INT(move("redo", 2, 2), ==, 0);
	EXPECT_INT(threads_path_redo(table, thread), ==, 3);
	say(4, "");
	expect_path(1, "1 2 4 ");
	EXPECT_INT(threads_path_redo(table, thread), ==, 0);
	EXPECT_INT(threads_path_has(table, thread, 3), ==, 0);
	say(5, ",\"retry\":4");
	expect_path(1, "1 2 5 ");
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 1, 6, "{\"text\":\"x\",\"retry\":4}"), ==, -EBADMSG);
	threads_free(table);
}

TEST(everything_can_be_undone_and_comes_back)
{
	begin();
	EXPECT_INT(apply(JOURNAL_TURN_DONE, 1, 1, "{\"state\":\"done\"}"), ==, 0);
	EXPECT_INT(move("undo", 1, 0), ==, 0);
	EXPECT_INT(move("undo", 0, 0), ==, -EBADMSG);
	expect_path(1, "");
	EXPECT_INT(move("redo", 1, 1), ==, 0);
	expect_path(1, "1 ");
	EXPECT_INT(move("undo", 1, 0), ==, 0);
	say(2, "");
	expect_path(1, "2 ");
	threads_free(table);
}

TEST(a_branch_goes_on_from_a_turn_with_the_labels_of_its_thread)
{
	begin();
	EXPECT_INT(apply(JOURNAL_TURN_STARTED, 1, 1, "{\"labels\":[\"web:b.example\"]}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_TURN_DONE, 1, 1, "{\"state\":\"done\"}"), ==, 0);
	say(2, "");
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 2, 0, "{\"name\":\"b\",\"branch\":1}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_ACCEPTED, 2, 3, "{\"text\":\"x\"}"), ==, 0);
	expect_path(1, "1 2 ");
	expect_path(2, "1 3 ");
	EXPECT_STR(threads_by_id(table, 2)->labels, "[\"web:b.example\"]");
	EXPECT_INT(threads_by_id(table, 2)->origin, ==, 1);
	EXPECT_INT(apply(JOURNAL_THREAD_NEW, 3, 0, "{\"name\":\"c\",\"branch\":9}"), ==, -EBADMSG);
	threads_free(table);
}

TEST(a_compaction_is_found_by_its_turn_and_how_far_the_reader_has_come)
{
	begin();
	EXPECT_INT(threads_path_compaction(table, 1, 0), ==, 0);
	EXPECT_INT(apply(JOURNAL_COMPACTED, 1, 1, "{\"ok\":false,\"reason\":\"x\"}"), ==, 0);
	EXPECT_INT(threads_path_compaction(table, 1, 0), ==, 0);
	EXPECT_INT(apply(JOURNAL_COMPACTED, 1, 1, "{\"ok\":true,\"labels\":[\"mail\"]}"), ==, 0);
	EXPECT_INT(apply(JOURNAL_COMPACTED, 1, 1, "{\"ok\":true}"), ==, 0);
	EXPECT_INT(threads_path_compaction(table, 1, 0), ==, 5000);
	EXPECT_INT(threads_path_compaction(table, 1, 4999), ==, 4000);
	EXPECT_INT(threads_path_compaction(table, 1, 3999), ==, 0);
	EXPECT_STR(threads_by_id(table, 1)->labels, "[\"mail\"]");
	threads_free(table);
}
