/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/clock.h"
#include "base/dir.h"
#include "l6-agent/egress-body.h"
#include "l6-agent/egress-budget.h"
#include "l6-agent/egress-ledger.h"
#include "l6-agent/egress-usage.h"

#include "harness/cases.h"
#include "harness/folder.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DAY_SECONDS = 86400, TODAY = 20000, TEXT_BYTES = 32 };

#define DAY_US ((uint64_t)DAY_SECONDS * CLOCK_SECOND_US)

/* --- price */

TEST(a_price_is_found_by_provider_and_model)
{
	struct priced priced;

	price_find("anthropic", "claude-sonnet-4-6", &priced);
	EXPECT_STR(price_basis_name(priced.basis), "listed");
	EXPECT_INT(priced.price.in, ==, 3000000);
	EXPECT_INT(priced.price.write, ==, 3750000);
	price_find("ollama", "whatever", &priced);
	EXPECT_STR(price_basis_name(priced.basis), "listed");
	EXPECT_INT(priced.price.out, ==, 0);
	price_find("anthropic", "claude-next", &priced);
	EXPECT_STR(price_basis_name(priced.basis), "dearest");
	EXPECT_INT(priced.price.out, ==, 75000000);
	price_find("openai_compatible", NULL, &priced);
	EXPECT_STR(price_basis_name(priced.basis), "unknown");
}

TEST(a_price_of_the_configuration_is_two_or_four_numbers)
{
	static const char *const wrong[] = { "",         "1",         "1,",   ",1",
					     "1,2,3",    "1,2,3,4,5", "1.,2", "a,b",
					     "1,-2",     "1 ,2",      "1,2,", "1.0000001,2",
					     "9999999,1" };
	struct price price = { 0 };
	struct error err = { 0 };

	EXPECT_OK(price_parse("0.25,2", &price, &err), &err);
	EXPECT_INT(price.in, ==, 250000);
	EXPECT_INT(price.write, ==, 250000);
	EXPECT_OK(price_parse("3,15,0.3,3.75", &price, &err), &err);
	EXPECT_INT(price.read, ==, 300000);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		EXPECT_INT(price_parse(wrong[i], &price, &err), ==, -EINVAL);
}

TEST(money_is_rounded_up_and_parts_of_the_prompt_have_their_own_price)
{
	const struct price price = {
		.in = 1000000, .out = 2000000, .read = 100000, .write = 1250000
	};
	const struct price_tokens tokens = {
		.prompt = 100, .cached = 60, .stored = 10, .answer = 5
	};
	const struct price_tokens most = { .prompt = UINT64_MAX, .answer = UINT64_MAX };
	const struct price tiny = { .in = 1 };
	const struct price_tokens one = { .prompt = 1 };

	EXPECT_INT(price_of(&price, &tokens), ==, 30 * 1000 + 60 * 100 + 10 * 1250 + 5 * 2000);
	EXPECT_INT(price_of(&tiny, &one), ==, 1);
	EXPECT_INT(price_of(&price, &most) == UINT64_MAX, ==, 1);
}

/* --- usage */

static bool read_usage(const char *text, size_t step, struct price_tokens *ret)
{
	struct egress_usage usage = { 0 };
	size_t length = strlen(text);

	for (size_t at = 0; at < length; at += step)
		egress_usage_add(&usage, text + at, length - at < step ? length - at : step);
	return egress_usage_told(&usage, ret);
}

static void expect_usage(const char *text, uint64_t prompt, uint64_t cached, uint64_t stored,
			 uint64_t answer)
{
	static const size_t steps[] = { 1, 7, 100000 };

	for (size_t i = 0; i < 3; i++) {
		struct price_tokens tokens = { 0 };

		EXPECT_INT(read_usage(text, steps[i], &tokens), ==, 1);
		EXPECT_INT(tokens.prompt, ==, prompt);
		EXPECT_INT(tokens.cached, ==, cached);
		EXPECT_INT(tokens.stored, ==, stored);
		EXPECT_INT(tokens.answer, ==, answer);
	}
}

TEST(usage_is_read_in_the_forms_of_the_protocols)
{
	expect_usage(
		"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":34,"
		"\"total_tokens\":46,\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\n"
		"data: [DONE]\n",
		12, 8, 0, 34);
	expect_usage("{\n \"id\": \"x\",\n \"usage\": {\n  \"prompt_tokens\": 5,\n"
		     "  \"completion_tokens\": 6\n }\n}",
		     5, 0, 0, 6);
	expect_usage("data: {\"x_groq\":{\"id\":\"r\",\"usage\":{\"prompt_tokens\":3,"
		     "\"completion_tokens\":4}}}\n",
		     3, 0, 0, 4);
	expect_usage(
		"data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":10,"
		"\"cache_read_input_tokens\":200,\"cache_creation_input_tokens\":30,"
		"\"output_tokens\":1}}}\n\ndata: {\"type\":\"message_delta\",\"delta\":{},"
		"\"usage\":{\"output_tokens\":77}}\n",
		240, 200, 30, 77);
	/* thinking that stands in the sum only; what comes several times; a null in front */
	expect_usage("data: {\"usage\":null}\ndata: {\"usage\":{\"prompt_tokens\":9,"
		     "\"completion_tokens\":1,\"total_tokens\":10}}\ndata: {\"usage\":"
		     "{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":114}}\n",
		     9, 0, 0, 105);
}

TEST(what_a_model_wrote_is_not_usage)
{
	static const char *const texts[] = {
		"data: "
		"{\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":1,"
		"\\\"completion_tokens\\\":1}\"}}]}\n",
		"{\"choices\":[{\"message\":{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":"
		"1}}}]}",
		"{\"content\":[{\"input\":{\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}]}",
		"data: "
		"{\"content_block\":{\"input\":{\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}"
		"}}\n",
		"data: {\"usage\":null}\ndata: "
		"{\"a\":[{\"prompt_tokens\":1,\"completion_tokens\":1}]}\n",
		"data: {\"usage\":\"{\"}\n",
		"",
	};
	struct price_tokens tokens;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (read_usage(texts[i], 3, &tokens))
			tap_fail(__FILE__, (int)i, "%s was taken for usage", texts[i]);
}

TEST(the_text_of_an_answer_is_measured)
{
	struct egress_usage usage = { 0 };
	const char *text =
		"data: {\"id\":\"0123456789\",\"choices\":[{\"delta\":{\"content\":\"abcde\"}},"
		"{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n";

	egress_usage_add(&usage, text, strlen(text));
	EXPECT_INT(usage.text_bytes, ==, 5 + 6);
}

/* --- body */

static void judge_body(const struct test_case *c)
{
	char wanted[TEXT_BYTES];
	const char *model = strcmp(c->fields[0], "-") == 0 ? NULL : c->fields[0];
	struct error err = { 0 };
	uint64_t tokens = 0;
	size_t length;
	int r;

	(void)cases_unescape(c->fields[0]);
	length = cases_unescape(c->fields[1]);
	r = egress_body_check(c->fields[1], length, model, &tokens, &err);
	(void)snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)tokens);
	if (strcmp(c->fields[2], r < 0 ? "no" : wanted) != 0 || (r < 0) != (err.text[0] != '\0'))
		tap_fail(c->file, c->line, "%s is %s (%s)", c->fields[1],
			 r < 0 ? "refused" : wanted, err.text);
}

TEST(bodies_are_judged_as_their_cases_say)
{
	cases_run("egress-body", 4, 38, judge_body);
}

/* --- ledger */

static void set_day(uint64_t day)
{
	clock_set_fake(DAY_US, day * DAY_US + DAY_US / 2);
}

static void hold(struct egress_ledger *ledger, struct egress_hold *hold, uint64_t tokens)
{
	struct error err = { 0 };

	*hold = (struct egress_hold){ .bound = { 1, tokens, tokens * 10 } };
	EXPECT_INT(egress_ledger_thread(ledger, "a thread", &hold->thread), ==, 0);
	EXPECT_INT(egress_ledger_turn(ledger, 7, &hold->turn), ==, 0);
	EXPECT_OK(egress_ledger_hold(ledger, hold, &err), &err);
}

static struct egress_ledger *open_ledger(int fd)
{
	struct egress_ledger *ledger = NULL;
	struct error err = { 0 };

	EXPECT_OK(egress_ledger_open(fd, &ledger, &err), &err);
	return ledger;
}

TEST(a_hold_is_replaced_by_what_it_cost_and_one_that_was_left_counts_whole)
{
	const struct egress_spent spent = { 1, 100, 50 };
	struct egress_ledger *ledger;
	struct egress_hold first, second;
	int fd = test_folder(NULL);

	set_day(TODAY);
	ledger = open_ledger(fd);
	hold(ledger, &first, 1000);
	hold(ledger, &second, 3000);
	EXPECT_INT(egress_ledger_today(ledger)->held.tokens, ==, 4000);
	EXPECT_INT(egress_ledger_settle(ledger, &first, &spent), ==, 0);
	EXPECT_INT(egress_ledger_today(ledger)->held.tokens, ==, 3000);
	EXPECT_INT(egress_ledger_today(ledger)->spent.tokens, ==, 100);
	egress_ledger_close(ledger); /* as if it had been killed */
	ledger = open_ledger(fd);
	EXPECT_INT(egress_ledger_today(ledger)->spent.tokens, ==, 3100);
	EXPECT_INT(egress_ledger_today(ledger)->spent.requests, ==, 2);
	EXPECT_INT(egress_ledger_find(ledger, "a thread", 0)->spent.nano, ==, 30050);
	EXPECT_INT(egress_ledger_find(ledger, "a thread", 0)->turn, ==, 7);
	EXPECT_INT(egress_ledger_find(ledger, NULL, 7)->spent.tokens, ==, 3100);
	EXPECT_INT(egress_ledger_find(ledger, "b", 0) == NULL, ==, 1);
	egress_ledger_close(ledger);
	(void)close(fd);
}

TEST(the_day_begins_anew_and_a_clock_that_goes_back_gives_nothing_back)
{
	const struct egress_spent spent = { 1, 100, 50 };
	struct egress_ledger *ledger;
	struct egress_hold held;
	int fd = test_folder(NULL);

	set_day(TODAY);
	ledger = open_ledger(fd);
	hold(ledger, &held, 1000);
	EXPECT_INT(egress_ledger_settle(ledger, &held, &spent), ==, 0);
	EXPECT_INT(egress_ledger_day_ends(ledger), ==, (TODAY + 1) * (uint64_t)DAY_SECONDS);
	set_day(TODAY - 1);
	EXPECT_INT(egress_ledger_today(ledger)->spent.tokens, ==, 100);
	hold(ledger, &held, 1000);
	set_day(TODAY + 1); /* a call over midnight counts for the day on which it ends */
	EXPECT_INT(egress_ledger_today(ledger)->spent.tokens, ==, 0);
	EXPECT_INT(egress_ledger_today(ledger)->held.tokens, ==, 1000);
	EXPECT_INT(egress_ledger_settle(ledger, &held, &spent), ==, 0);
	EXPECT_INT(egress_ledger_today(ledger)->spent.tokens, ==, 100);
	EXPECT_INT(egress_ledger_find(ledger, "a thread", 0)->spent.tokens, ==, 200);
	egress_ledger_close(ledger);
	set_day(TODAY + 2);
	ledger = open_ledger(fd);
	EXPECT_INT(egress_ledger_today(ledger)->spent.tokens, ==, 0);
	EXPECT_INT(egress_ledger_find(ledger, "a thread", 0)->spent.tokens, ==, 200);
	egress_ledger_close(ledger);
	(void)close(fd);
}

TEST(the_file_stays_small_and_the_oldest_account_goes_first)
{
	const struct egress_spent spent = { 1, 1, 1 };
	auto_buf struct buf text = BUF(1024 * 1024);
	struct egress_hold held, kept;
	struct egress_ledger *ledger;
	int fd = test_folder(NULL);

	set_day(TODAY);
	ledger = open_ledger(fd);
	hold(ledger, &kept, 5); /* under way: stays */
	for (unsigned i = 0; i < 3000; i++) {
		char name[TEXT_BYTES];

		(void)snprintf(name, sizeof(name), "thread %u", i);
		held = (struct egress_hold){ .bound = { 1, 9, 9 } };
		EXPECT_INT(egress_ledger_thread(ledger, name, &held.thread), ==, 0);
		EXPECT_INT(egress_ledger_hold(ledger, &held, NULL), ==, 0);
		EXPECT_INT(egress_ledger_settle(ledger, &held, &spent), ==, 0);
	}
	EXPECT_INT(egress_ledger_find(ledger, "thread 2999", 0) != NULL, ==, 1);
	EXPECT_INT(egress_ledger_find(ledger, "thread 0", 0) == NULL, ==, 1);
	EXPECT_INT(egress_ledger_find(ledger, "a thread", 0) != NULL, ==, 1);
	egress_ledger_close(ledger);
	EXPECT_INT(dir_read(fd, "spending", &text), ==, 0);
	EXPECT_INT(text.length, <, 400 * 1024);
	ledger = open_ledger(fd);
	EXPECT_INT(egress_ledger_today(ledger)->spent.tokens, ==, 3005);
	egress_ledger_close(ledger);
	(void)close(fd);
}

/* --- budget */

static const struct egress_budget_settings settings = {
	.day = { .requests = 100, .tokens = 10000, .cents = 50 },
	.thread = { .requests = 50, .tokens = 5000, .cents = 40 },
	.turn = { .requests = 5, .tokens = 1000, .cents = 30 },
};

TEST(a_call_fits_to_the_last_token_and_not_one_further)
{
	struct egress_account day = { .spent = { 0, 9000, 0 }, .held = { 0, 500, 0 } };
	const struct egress_account *const accounts[] = { NULL, NULL, &day };
	const struct egress_spent fits = { 1, 500, 0 }, over = { 1, 501, 0 };
	const struct egress_spent most = { 1, UINT64_MAX, UINT64_MAX };
	struct egress_budget_use use;
	char key[TEXT_BYTES];

	EXPECT_INT(egress_budget_fits(&settings, accounts, &fits, &use), ==, 1);
	EXPECT_INT(egress_budget_fits(&settings, accounts, &over, &use), ==, 0);
	egress_budget_key(&use, key);
	EXPECT_STR(key, "budget.day_tokens");
	EXPECT_INT(egress_budget_fits(&settings, accounts, &most, &use), ==, 0);
	day.spent.tokens = 20000; /* the limit was lowered */
	EXPECT_INT(egress_budget_fits(&settings, accounts, &fits, &use), ==, 0);
}

TEST(a_refusal_says_which_how_much_until_when_and_what_to_do)
{
	const struct egress_budget_use used = { BUDGET_DAY, "requests", 100, 100, 0, 1 };
	const struct egress_budget_use small = { BUDGET_THREAD, "tokens", 5000, 4000, 700, 900 };
	struct egress_account turn = { .spent = { 1, 1, 299990000 } };
	const struct egress_account *const accounts[] = { &turn, NULL, NULL };
	const struct egress_spent cent = { 1, 1, 10000000 };
	char text[EGRESS_BUDGET_TEXT_BYTES];
	struct egress_budget_use money;

	egress_budget_explain(&used, 3 * 3600 + 25 * 60 + 59, text);
	EXPECT_STR(text,
		   "today's budget is used up: 100 of 100 requests. Anew at 00:00 UTC, in 3 h 25 "
		   "min. Raise it: [budget] day_requests in clawos.conf");
	egress_budget_explain(&small, 0, text);
	EXPECT_STR(text,
		   "this thread's budget does not cover this call: 4000 of 5000 tokens spent, 700 "
		   "held by other calls, it may take 900. Another thread has its own. Raise "
		   "it: [budget] thread_tokens in clawos.conf");
	EXPECT_INT(egress_budget_fits(&settings, accounts, &cent, &money), ==, 0);
	egress_budget_explain(&money, 0, text);
	EXPECT_STR(text,
		   "this turn's budget does not cover this call: $0.29 of $0.30 spent, it may take "
		   "$0.01. The next turn has its own. Raise it: [budget] turn_cents in "
		   "clawos.conf");
}

TEST(a_sentence_fits_into_an_error_whatever_the_figures_are)
{
	const struct egress_budget_use use = { BUDGET_DAY,   "tokens",     1000000000000,
					       999999999999, 999999999999, 999999999999 };
	char text[EGRESS_BUDGET_TEXT_BYTES];

	egress_budget_explain(&use, DAY_SECONDS, text);
	EXPECT_INT(strlen(text), <, ERROR_TEXT_BYTES);
}

TEST(a_warning_comes_once_and_again_when_the_limit_was_raised)
{
	struct egress_account day = { .spent = { 79, 0, 0 } };
	struct egress_budget_settings raised = settings;
	char text[EGRESS_BUDGET_TEXT_BYTES];

	EXPECT_INT(egress_budget_warn(&settings, BUDGET_DAY, &day, text), ==, 0);
	day.spent.requests = 80;
	EXPECT_INT(egress_budget_warn(&settings, BUDGET_DAY, &day, text), ==, 1);
	EXPECT_STR(text,
		   "today's budget is four fifths used: 80 of 100 requests ([budget] day_requests "
		   "in clawos.conf)");
	EXPECT_INT(egress_budget_warn(&settings, BUDGET_DAY, &day, text), ==, 0);
	raised.day.requests = 1000;
	EXPECT_INT(egress_budget_warn(&raised, BUDGET_DAY, &day, text), ==, 0);
	day.spent.requests = 800;
	EXPECT_INT(egress_budget_warn(&raised, BUDGET_DAY, &day, text), ==, 1);
}
