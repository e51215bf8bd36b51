/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/questions.h"

#include "base/clock.h"
#include "memory-fixture.h"

static int64_t ask(struct memory *memory, const struct document_write *write, struct buf *action,
		   enum question_outcome wanted)
{
	enum question_outcome outcome;
	struct error err = { 0 };
	int64_t id = 0;

	action->length = 0;
	EXPECT_OK(question_ask(memory->store, write, &id, action, &outcome, &err), &err);
	EXPECT_INT(outcome, ==, wanted);
	return id;
}

static void expect_verdict(struct memory *memory, int64_t id, const struct document_write *write,
			   enum question_verdict wanted)
{
	auto_buf struct buf action = BUF(65536);
	enum question_verdict verdict;
	struct error err = { 0 };

	EXPECT_OK(question_judge(memory->store, id, write, &action, &verdict, &err), &err);
	EXPECT_INT(verdict, ==, wanted);
}

/* action: what the person was shown. */
static int answer(struct memory *memory, int64_t id, const struct buf *action, bool allow)
{
	struct error err = { 0 };
	int r = question_answer(memory->store, id, allow, buf_string(action), MEMORY_NOW_US, &err);

	EXPECT_INT(r, >=, 0);
	return r;
}

TEST(the_action_shows_every_byte)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf action = BUF(65536);
	struct document_write write = memory_text("USER.md", "likes tea\n");

	memory_open(&memory);
	(void)ask(&memory, &write, &action, QUESTION_ASKED);
	EXPECT_STR(action.data, "make USER.md (10 bytes):\nlikes tea\n");
	(void)memory_put(&memory, "USER.md", "Ann");
	(void)ask(&memory, &write, &action, QUESTION_ASKED);
	EXPECT_STR(action.data, "replace USER.md (version 1, 3 bytes) by 10 bytes:\nlikes tea\n");
	write.append = true;
	(void)ask(&memory, &write, &action, QUESTION_ASKED);
	EXPECT_STR(action.data, "add 10 bytes to USER.md (version 1):\nlikes tea\n");
}

TEST(a_yes_is_for_exactly_what_was_asked)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf action = BUF(65536);
	struct document_write write = memory_text("USER.md", "likes tea\n"), other = write;
	int64_t id;

	memory_open(&memory);
	id = ask(&memory, &write, &action, QUESTION_ASKED);
	expect_verdict(&memory, id, &write, VERDICT_WAITS);
	EXPECT_INT(answer(&memory, id, &action, true), ==, 1);
	expect_verdict(&memory, id, &write, VERDICT_GRANTED);
	other.text = "likes TEA\n";
	expect_verdict(&memory, id, &other, VERDICT_OTHER);
	other = write;
	other.length--;
	expect_verdict(&memory, id, &other, VERDICT_OTHER);
	other = write;
	other.path = "SOUL.md";
	expect_verdict(&memory, id, &other, VERDICT_OTHER);
	other = write;
	other.append = true;
	expect_verdict(&memory, id, &other, VERDICT_OTHER);
	other = write;
	other.labels = "[\"web\"]";
	expect_verdict(&memory, id, &other, VERDICT_OTHER);
	(void)memory_put(&memory, "USER.md", "changed in between");
	expect_verdict(&memory, id, &write, VERDICT_OTHER);
}

TEST(a_no_stays_a_no_and_a_used_yes_is_gone)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf action = BUF(65536);
	const struct document_write write = memory_text("USER.md", "likes tea\n");
	struct error err = { 0 };
	int64_t id, next;

	memory_open(&memory);
	id = ask(&memory, &write, &action, QUESTION_ASKED);
	EXPECT_INT(answer(&memory, id, &action, false), ==, 1);
	expect_verdict(&memory, id, &write, VERDICT_REFUSED);
	next = ask(&memory, &write, &action, QUESTION_ASKED);
	EXPECT_INT(next, >, id);
	EXPECT_INT(answer(&memory, next, &action, true), ==, 1);
	EXPECT_OK(question_use(memory.store, next, &err), &err);
	expect_verdict(&memory, next, &write, VERDICT_UNKNOWN);
	EXPECT_INT(answer(&memory, next, &action, true), ==, 0);
	EXPECT_INT(answer(&memory, 12345, &action, true), ==, 0);
}

TEST(a_number_is_never_used_again)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf action = BUF(65536);
	struct document_write write = memory_text("USER.md", "a");
	struct error err = { 0 };
	int64_t id;

	memory_open(&memory);
	id = ask(&memory, &write, &action, QUESTION_ASKED);
	EXPECT_OK(question_use(memory.store, id, &err), &err);
	store_close(memory.store);
	memory.store = NULL;
	memory_open(&memory);
	write.text = "b";
	EXPECT_INT(ask(&memory, &write, &action, QUESTION_ASKED), >, id);
}

TEST(asking_the_same_again_is_the_same_question)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf action = BUF(65536);
	struct document_write write = memory_text("USER.md", "a");
	int64_t id;

	memory_open(&memory);
	id = ask(&memory, &write, &action, QUESTION_ASKED);
	EXPECT_INT(ask(&memory, &write, &action, QUESTION_ASKED), ==, id);
	write.text = "b";
	EXPECT_INT(ask(&memory, &write, &action, QUESTION_ASKED), !=, id);
}

TEST(questions_and_answers_expire)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf action = BUF(65536);
	struct document_write write = memory_text("USER.md", "a");
	int64_t id;

	memory_open(&memory);
	id = ask(&memory, &write, &action, QUESTION_ASKED);
	EXPECT_INT(answer(&memory, id, &action, true), ==, 1);
	write.now_us += memory.quotas.question_seconds * CLOCK_SECOND_US;
	expect_verdict(&memory, id, &write, VERDICT_GRANTED);
	write.now_us++;
	expect_verdict(&memory, id, &write, VERDICT_UNKNOWN);
	EXPECT_INT(question_answer(memory.store, id, true, buf_string(&action), write.now_us, NULL),
		   ==, 0);
}

TEST(not_too_many_wait_at_one_time)
{
	auto_memory struct memory memory = memory_new();
	auto_buf struct buf action = BUF(65536), first = BUF(65536);
	struct document_write write = memory_text("USER.md", "abcdefgh");

	memory.quotas.questions = 3;
	memory_open(&memory);
	for (write.length = 1; write.length <= 3; write.length++)
		(void)ask(&memory, &write, write.length == 1 ? &first : &action, QUESTION_ASKED);
	(void)ask(&memory, &write, &action, QUESTION_TOO_MANY);
	write.length = 2; /* one that waits already */
	EXPECT_INT(ask(&memory, &write, &action, QUESTION_ASKED), ==, 2);
	EXPECT_INT(answer(&memory, 1, &first, false), ==, 1);
	write.length = 5;
	(void)ask(&memory, &write, &action, QUESTION_ASKED);
}
