/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/loop-watch.h"

#include "harness/tap.h"

#include <stdio.h>
#include <string.h>

enum { ROUNDS = 5, TEXT_MAX = 1024, NAME_BYTES = 16 };

/* One call an answer, unless said otherwise. */
static void call(struct loop_watch *watch, const char *tool, const char *arguments,
		 const char *result)
{
	const struct loop_call made = { tool, arguments, result, true, watch->exchange + 1 };

	loop_watch_add(watch, &made);
}

static void fail(struct loop_watch *watch, const char *arguments)
{
	const struct loop_call made = { "shell", arguments, arguments, false, watch->exchange + 1 };

	loop_watch_add(watch, &made);
}

static bool is_told(const struct loop_watch *watch, const char *wanted)
{
	struct buf text = BUF(TEXT_MAX);
	bool found;

	EXPECT_INT(loop_watch_tell(watch, &text), >=, 0);
	found = text.length > 0 && strstr(buf_string(&text), wanted);
	buf_free(&text);
	return found;
}

TEST(the_same_call_with_the_same_result_is_told_at_the_third_and_over_at_the_fifth)
{
	struct loop_watch watch = { 0 };

	for (unsigned n = 1; n <= ROUNDS; n++) {
		call(&watch, "read_file", "{\"path\":\"a\"}", "x");
		EXPECT_INT(is_told(&watch, "this same call"), ==, n >= 3);
		EXPECT_INT(loop_watch_is_over(&watch, ROUNDS), ==, n >= 5);
	}
}

TEST(another_result_is_no_loop)
{
	struct loop_watch watch = { 0 };
	char result[NAME_BYTES];

	for (unsigned n = 0; n < 40; n++) {
		(void)snprintf(result, sizeof(result), "%u %%", n);
		call(&watch, "shell", "{\"command\":\"progress\"}", result);
		EXPECT_INT(watch.kind, ==, LOOP_NONE);
	}
}

TEST(blanks_between_arguments_do_not_hide_a_loop_and_blanks_inside_do)
{
	struct loop_watch watch = { 0 };

	call(&watch, "grep", "{\"pattern\":\"a b\"}", "");
	call(&watch, "grep", "{ \"pattern\" : \"a b\" }\n", "");
	call(&watch, "grep", "{\"pattern\": \"a b\"}", "");
	EXPECT_INT(watch.kind, ==, LOOP_SAME);
	watch = (struct loop_watch){ 0 };
	call(&watch, "grep", "{\"pattern\":\"a\\\" b\"}", "");
	call(&watch, "grep", "{\"pattern\":\"a\\\"  b\"}", "");
	call(&watch, "grep", "{\"pattern\":\"a\\\"b\"}", "");
	EXPECT_INT(watch.kind, ==, LOOP_NONE);
}

TEST(two_calls_that_take_turns_are_a_loop)
{
	struct loop_watch watch = { 0 };

	for (unsigned n = 1; n <= ROUNDS; n++) {
		call(&watch, "read_file", "{}", "old");
		call(&watch, "write_file", "{}", "done");
		EXPECT_INT(is_told(&watch, "read_file and write_file"), ==, n >= 3);
		EXPECT_INT(loop_watch_is_over(&watch, ROUNDS), ==, n >= 5);
	}
}

TEST(work_between_two_equal_calls_is_no_loop)
{
	struct loop_watch watch = { 0 };
	char change[NAME_BYTES];

	for (unsigned n = 0; n < 20; n++) {
		(void)snprintf(change, sizeof(change), "{\"n\":%u}", n);
		call(&watch, "shell", "{\"command\":\"make\"}", "failed");
		call(&watch, "apply_patch", change, "done");
		EXPECT_INT(watch.kind, ==, LOOP_NONE);
	}
}

TEST(a_longer_circle_gives_nothing_new)
{
	static const char *const paths[] = { "{\"p\":1}", "{\"p\":2}", "{\"p\":3}" };
	struct loop_watch watch = { 0 };
	unsigned told = 0, over = 0;

	for (unsigned n = 1; n <= 30 && !over; n++) {
		call(&watch, "read_file", paths[n % 3], "x");
		if (!told && is_told(&watch, "had not given already"))
			told = n;
		if (loop_watch_is_over(&watch, ROUNDS))
			over = n;
	}
	EXPECT_INT(told, ==, 11);
	EXPECT_INT(over, ==, 23);
}

TEST(calls_that_all_fail_are_a_loop_and_one_success_ends_it)
{
	struct loop_watch watch = { 0 };
	char arguments[NAME_BYTES];

	for (unsigned n = 1; n <= 20; n++) {
		(void)snprintf(arguments, sizeof(arguments), "{\"n\":%u}", n);
		fail(&watch, arguments);
		EXPECT_INT(is_told(&watch, "all failed"), ==, n >= 8);
		EXPECT_INT(loop_watch_is_over(&watch, ROUNDS), ==, n >= 20);
	}
	call(&watch, "time", "{}", "noon");
	EXPECT_INT(watch.kind, ==, LOOP_NONE);
	EXPECT_INT(loop_watch_is_over(&watch, ROUNDS), ==, false);
}

TEST(a_model_that_could_not_know_yet_is_not_stopped)
{
	struct loop_call made = { "time", "{}", "noon", true, 1 };
	struct loop_watch watch = { 0 };

	for (unsigned n = 0; n < 10; n++) /* ten calls of one answer */
		loop_watch_add(&watch, &made);
	EXPECT_INT(is_told(&watch, "10 times"), ==, true);
	EXPECT_INT(loop_watch_is_over(&watch, ROUNDS), ==, false);
	made.exchange = 2;
	loop_watch_add(&watch, &made);
	EXPECT_INT(loop_watch_is_over(&watch, ROUNDS), ==, true);
}

TEST(the_reason_names_the_loop_and_the_limit)
{
	struct buf text = BUF(TEXT_MAX);
	struct loop_watch watch = { 0 };

	for (unsigned n = 0; n < 6; n++)
		call(&watch, "list_dir", "{}", "");
	EXPECT_INT(loop_watch_explain(&watch, &text), >=, 0);
	EXPECT_STR(buf_string(&text), "stopped, the model went round in circles: the same call of "
				      "list_dir gave the same result 6 times (agent.loop_rounds)");
	buf_free(&text);
}
