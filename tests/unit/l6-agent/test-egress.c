/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/buf.h"
#include "base/clock.h"
#include "base/dir.h"
#include "base/number.h"
#include "l6-agent/egress-address.h"
#include "l6-agent/egress-config.h"
#include "l6-agent/egress-header.h"
#include "l6-agent/egress-log.h"
#include "l6-agent/egress-question.h"
#include "l6-agent/egress-rules.h"
#include "l6-agent/egress-url.h"
#include "l6-agent/provider-address.h"

#include "harness/cases.h"
#include "harness/folder.h"
#include "harness/tap.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RULES_MAX = 8, TEXT_MAX = 1 << 16 };

static void judge_address(const struct test_case *c)
{
	struct sockaddr_storage address;
	const char *what;

	EXPECT_INT(egress_address_parse(c->fields[0], &address), ==, 1);
	what = egress_address_refusal((const struct sockaddr *)&address);
	if (strcmp(what ? what : "public", c->fields[1]) != 0)
		tap_fail(c->file, c->line, "%s is %s, wanted %s", c->fields[0],
			 what ? what : "public", c->fields[1]);
}

TEST(addresses_are_what_their_cases_say)
{
	cases_run("egress-address", 2, 60, judge_address);
}

TEST(other_families_are_not_public)
{
	const struct sockaddr local = { .sa_family = AF_UNIX };

	EXPECT_INT(egress_address_refusal(&local) != NULL, ==, 1);
}

static void parse_url(const struct test_case *c)
{
	auto_egress_url struct egress_url url = { 0 };
	struct error err = { 0 };
	char parts[300];
	int r;

	(void)cases_unescape(c->fields[0]);
	r = egress_url_parse(c->fields[0], &url, &err);
	if (strcmp(c->fields[1], "refused") == 0) {
		if (r >= 0)
			tap_fail(c->file, c->line, "\"%s\" was taken as %s", c->fields[0], url.url);
		EXPECT_INT(r, ==, -EINVAL);
		EXPECT_INT(strlen(err.text), >, 0);
		return;
	}
	if (r < 0)
		tap_fail(c->file, c->line, "\"%s\": %s", c->fields[0], err.text);
	(void)snprintf(parts, sizeof(parts), "%s %s %u", url.scheme, url.host, url.port);
	if (strcmp(url.url, c->fields[1]) != 0 || strcmp(parts, c->fields[2]) != 0)
		tap_fail(c->file, c->line, "\"%s\" became %s (%s)", c->fields[0], url.url, parts);
}

TEST(urls_are_read_as_their_cases_say)
{
	cases_run("egress-url", 4, 45, parse_url);
}

static void parse_again(const struct test_case *c)
{
	auto_egress_url struct egress_url url = { 0 }, again = { 0 };
	struct error err = { 0 };

	if (strcmp(c->fields[1], "refused") == 0)
		return;
	EXPECT_OK(egress_url_parse(c->fields[1], &url, &err), &err);
	EXPECT_OK(egress_url_parse(url.url, &again, &err), &err);
	EXPECT_STR(again.url, url.url);
}

TEST(what_is_judged_reads_the_same_when_it_is_sent)
{
	cases_run("egress-url", 4, 45, parse_again);
}

static void judge_provider_address(const struct test_case *c)
{
	auto_egress_url struct egress_url url = { 0 };
	struct error err = { 0 };
	bool wanted = strcmp(c->fields[1], "ok") == 0;
	int r;

	(void)cases_unescape(c->fields[0]);
	r = provider_address_check(c->fields[0], &err);
	if ((r == 0) != wanted)
		tap_fail(c->file, c->line, "\"%s\": %s", c->fields[0], r < 0 ? err.text : "ok");
	if (r == 0 && (egress_url_parse(c->fields[0], &url, &err) < 0 || strchr(url.path, '?')))
		tap_fail(c->file, c->line, "\"%s\" is not taken apart: %s", c->fields[0], err.text);
}

/* Whatever passes the rule for providers is read by the one that sends. */
static void judge_as_provider(const struct test_case *c)
{
	(void)cases_unescape(c->fields[0]);
	if (provider_address_check(c->fields[0], NULL) == 0 && strcmp(c->fields[1], "refused") == 0)
		tap_fail(c->file, c->line, "\"%s\" is an address of a provider", c->fields[0]);
}

TEST(an_address_of_a_provider_is_what_its_cases_say_and_can_be_taken_apart)
{
	cases_run("provider-address", 3, 45, judge_provider_address);
	cases_run("egress-url", 4, 45, judge_as_provider);
}

/* headers */

static int add(struct curl_slist **list, const char *name, const char *value)
{
	return egress_header_add(list, name, value, false, NULL);
}

TEST(a_header_cannot_carry_another)
{
	struct curl_slist *list = NULL;

	EXPECT_INT(add(&list, "X-A", "a\r\nX-B: c"), ==, -EINVAL);
	EXPECT_INT(add(&list, "X-A", "a\nX-B: c"), ==, -EINVAL);
	EXPECT_INT(add(&list, "X-A\r\n", "a"), ==, -EINVAL);
	EXPECT_INT(add(&list, "X-A: b\r\nX-B", "a"), ==, -EINVAL);
	EXPECT_INT(add(&list, "", "a"), ==, -EINVAL);
	EXPECT_INT(add(&list, "X A", "a"), ==, -EINVAL);
	EXPECT_INT(add(&list, "X;", "a"), ==, -EINVAL);
	EXPECT_INT(list == NULL, ==, 1);
	EXPECT_INT(add(&list, "X-A", "a\tb \xC3\xA9"), ==, 0);
	EXPECT_INT(add(&list, "X-Empty", ""), ==, 0);
	EXPECT_STR(list->data, "X-A: a\tb \xC3\xA9");
	EXPECT_STR(list->next->data, "X-Empty;");
	curl_slist_free_all(list);
}

TEST(headers_of_the_connection_are_left_out_or_refused)
{
	static const char *const own[] = { "Host",           "host",
					   "CONNECTION",     "Transfer-Encoding",
					   "Content-Length", "Proxy-Authorization",
					   "proxy-x",        "TE",
					   "Upgrade",        "Expect",
					   "Keep-Alive",     "Trailer",
					   "Accept-Encoding" };
	struct curl_slist *list = NULL;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		EXPECT_INT(egress_header_add(&list, own[i], "x", false, NULL), ==, 0);
		EXPECT_INT(egress_header_add(&list, own[i], "x", true, NULL), ==, -EINVAL);
	}
	EXPECT_INT(list == NULL, ==, 1);
	EXPECT_INT(egress_header_add(&list, "Hosts", "x", true, NULL), ==, 0);
	curl_slist_free_all(list);
}

TEST(extra_headers_have_one_grammar)
{
	struct curl_slist *list = NULL;
	struct error err = { 0 };

	EXPECT_OK(egress_header_add_text(&list, "A:b, C-D : e:f ,G:", &err), &err);
	EXPECT_STR(list->data, "A: b");
	EXPECT_STR(list->next->data, "C-D: e:f");
	EXPECT_STR(list->next->next->data, "G;");
	EXPECT_INT(egress_header_add_text(&list, "nonsense", &err), ==, -EINVAL);
	EXPECT_INT(egress_header_add_text(&list, "A:b,,C:d", &err), ==, -EINVAL);
	EXPECT_INT(egress_header_add_text(&list, "Host:x", &err), ==, -EINVAL);
	curl_slist_free_all(list);
}

/* rules */

static struct egress_url url_of(const char *text)
{
	struct egress_url url = { 0 };
	struct error err = { 0 };

	EXPECT_OK(egress_url_parse(text, &url, &err), &err);
	return url;
}

static bool allows(struct egress_rules *rules, const char *text)
{
	auto_egress_url struct egress_url url = url_of(text);

	return egress_rules_find(rules, &(struct egress_deed){ .tool = "http",
							       .method = "PUT",
							       .url = &url }) != NULL;
}

TEST(a_rule_is_one_origin_and_nothing_near_it)
{
	auto_fd int folder = test_folder(NULL);
	struct egress_rules *rules = NULL;
	struct error err = { 0 };

	EXPECT_OK(egress_rules_open(folder, "https://a.example, http://b.example:8080", RULES_MAX,
				    &rules, &err),
		  &err);
	EXPECT_INT(allows(rules, "https://A.example/x?y"), ==, 1);
	EXPECT_INT(allows(rules, "http://b.example:8080/"), ==, 1);
	EXPECT_INT(allows(rules, "http://a.example/"), ==, 0);
	EXPECT_INT(allows(rules, "https://a.example:444/"), ==, 0);
	EXPECT_INT(allows(rules, "https://b.example:8080/"), ==, 0);
	EXPECT_INT(allows(rules, "https://x.a.example/"), ==, 0);
	EXPECT_INT(allows(rules, "https://a.example.evil/"), ==, 0);
	egress_rules_close(rules);
}

TEST(rules_are_read_back_as_they_were_written)
{
	auto_fd int folder = test_folder(NULL);
	static const char one[] = "allow http any https://one.example",
			  two[] = "allow http any http://[2606:4700::1]:81";
	struct egress_rules *rules = NULL;
	struct error err = { 0 };

	EXPECT_OK(egress_rules_open(folder, NULL, RULES_MAX, &rules, &err), &err);
	EXPECT_OK(egress_rules_add(rules, one, NULL, NULL, &err), &err);
	EXPECT_OK(egress_rules_add(rules, two, NULL, NULL, &err), &err);
	EXPECT_OK(egress_rules_add(rules, two, NULL, NULL, &err), &err);
	EXPECT_INT(egress_rules_count(rules), ==, 2);
	egress_rules_close(rules);

	EXPECT_OK(egress_rules_open(folder, NULL, RULES_MAX, &rules, &err), &err);
	EXPECT_INT(egress_rules_count(rules), ==, 2);
	EXPECT_STR(egress_rules_at(rules, 1)->host, "2606:4700::1");
	EXPECT_INT(egress_rules_at(rules, 1)->id, ==, 3); /* its second making */
	EXPECT_INT(egress_rules_list_address(rules, "2606:4700::1", 81), ==, 1);
	EXPECT_INT(egress_rules_list_address(rules, "2606:4700::1", 82), ==, 0);
	EXPECT_OK(egress_rules_revoke(rules, 1, &err), &err);
	EXPECT_INT(egress_rules_revoke(rules, 1, &err), ==, -ENOENT);
	egress_rules_close(rules);

	EXPECT_OK(egress_rules_open(folder, NULL, RULES_MAX, &rules, &err), &err);
	EXPECT_INT(egress_rules_count(rules), ==, 1);
	EXPECT_INT(allows(rules, "https://one.example"), ==, 0);
	egress_rules_close(rules);
}

TEST(a_rule_of_the_configuration_is_neither_saved_nor_revoked)
{
	auto_fd int folder = test_folder(NULL);
	static const char one[] = "allow http any https://one.example";
	struct egress_rules *rules = NULL;
	struct error err = { 0 };

	EXPECT_OK(egress_rules_open(folder, "https://t.example", RULES_MAX, &rules, &err), &err);
	EXPECT_OK(egress_rules_add(rules, one, NULL, NULL, &err), &err);
	EXPECT_INT(egress_rules_revoke(rules, egress_rules_at(rules, 0)->id, &err), ==, -EPERM);
	egress_rules_close(rules);
	EXPECT_OK(egress_rules_open(folder, NULL, RULES_MAX, &rules, &err), &err);
	EXPECT_INT(allows(rules, "https://t.example"), ==, 0);
	EXPECT_INT(allows(rules, "https://one.example"), ==, 1);
	egress_rules_close(rules);
	/* in both: the configuration's counts, the file stays readable */
	EXPECT_OK(egress_rules_open(folder, "https://one.example", RULES_MAX, &rules, &err), &err);
	EXPECT_INT(egress_rules_count(rules), ==, 1);
	egress_rules_close(rules);
}

TEST(there_are_so_many_rules_and_no_more)
{
	auto_fd int folder = test_folder(NULL);
	struct egress_rules *rules = NULL;
	struct error err = { 0 };
	char text[64];

	EXPECT_OK(egress_rules_open(folder, NULL, RULES_MAX, &rules, &err), &err);
	for (unsigned i = 0; i <= RULES_MAX; i++) {
		(void)snprintf(text, sizeof(text), "allow http GET h%u.example", i);
		EXPECT_INT(egress_rules_add(rules, text, NULL, NULL, &err), ==,
			   i < RULES_MAX ? 0 : -EMSGSIZE);
	}
	egress_rules_close(rules);
}

TEST(a_rule_that_cannot_be_written_is_not_in_force)
{
	auto_fd int folder = test_folder(NULL), null = open("/proc/self", O_RDONLY | O_DIRECTORY);
	static const char one[] = "allow http any https://one.example";
	struct egress_rules *rules = NULL;
	struct error err = { 0 };

	EXPECT_OK(egress_rules_open(null, NULL, RULES_MAX, &rules, &err), &err);
	EXPECT_INT(egress_rules_add(rules, one, NULL, NULL, &err), <, 0);
	EXPECT_INT(allows(rules, "https://one.example"), ==, 0);
	egress_rules_close(rules);
	(void)folder;
}

/* questions */

static struct egress_questions *open_questions(int folder)
{
	struct egress_questions *questions = NULL;
	bool is_lost = true;

	EXPECT_INT(egress_questions_open(folder, 8, 60, &questions, &is_lost), ==, 0);
	EXPECT_INT(is_lost, ==, 0);
	return questions;
}

static struct egress_question *ask(struct egress_questions *questions, const char *method,
				   const struct egress_url *url, const char *body)
{
	const struct egress_request request = { method, url, NULL, body, strlen(body), NULL };
	struct egress_question *question = NULL;

	EXPECT_INT(egress_questions_ask(questions, &request, &question), ==, 0);
	return question;
}

TEST(a_question_is_about_method_url_and_body)
{
	auto_egress_url struct egress_url one = url_of("https://a.example/x"),
					  two = url_of("https://a.example/y");
	auto_fd int folder = test_folder(NULL);
	struct egress_questions *questions = open_questions(folder);
	uint64_t id;

	id = ask(questions, "POST", &one, "a")->id;
	EXPECT_INT(ask(questions, "POST", &one, "a")->id, ==, id);
	EXPECT_INT(ask(questions, "PUT", &one, "a")->id, !=, id);
	EXPECT_INT(ask(questions, "POST", &two, "a")->id, !=, id);
	EXPECT_INT(ask(questions, "POST", &one, "b")->id, !=, id);
	egress_questions_free(questions);
}

TEST(a_question_that_was_answered_is_not_asked_again_as_the_same)
{
	auto_egress_url struct egress_url one = url_of("https://a.example/x");
	auto_fd int folder = test_folder(NULL);
	struct egress_questions *questions = open_questions(folder);
	struct egress_question *question;
	uint64_t id;

	question = ask(questions, "GET", &one, "");
	EXPECT_INT(egress_questions_answer(questions, question, EGRESS_WORD_NO), ==, 0);
	id = question->id;
	EXPECT_INT(ask(questions, "GET", &one, "")->id, ==, id + 1);
	EXPECT_INT(egress_questions_waiting(questions, 0)->id, ==, id + 1);
	EXPECT_INT(egress_questions_waiting(questions, 1) == NULL, ==, 1);
	egress_questions_free(questions);
}

TEST(questions_end_with_their_time)
{
	auto_egress_url struct egress_url one = url_of("https://a.example/x");
	auto_fd int folder = test_folder(NULL);
	struct egress_questions *questions = open_questions(folder);
	uint64_t id;

	clock_set_fake(1000, 1000);
	id = ask(questions, "GET", &one, "")->id;
	clock_set_fake(1000 + 60 * CLOCK_SECOND_US, 1000);
	EXPECT_INT(egress_questions_find(questions, id) != NULL, ==, 1);
	clock_set_fake(1001 + 60 * CLOCK_SECOND_US, 1000);
	EXPECT_INT(egress_questions_find(questions, id) == NULL, ==, 1);
	egress_questions_free(questions);
}

TEST(questions_and_words_survive_a_restart_and_a_used_one_does_not)
{
	auto_fd int folder = test_folder(NULL);
	auto_egress_url struct egress_url one = url_of("https://a.example/x?\xC3\xA4");
	struct egress_questions *questions = open_questions(folder);
	struct egress_question *question;
	uint64_t open_id, yes_id;

	clock_set_fake(1000, 1000);
	open_id = ask(questions, "POST", &one, "line\nline \"x\"")->id;
	question = ask(questions, "GET", &one, "");
	yes_id = question->id;
	EXPECT_INT(egress_questions_answer(questions, question, EGRESS_WORD_YES), ==, 0);
	egress_questions_free(questions);

	questions = open_questions(folder);
	EXPECT_INT(ask(questions, "POST", &one, "line\nline \"x\"")->id, ==, open_id);
	question = egress_questions_find(questions, yes_id);
	EXPECT_INT(question != NULL, ==, 1);
	EXPECT_INT(question->word, ==, EGRESS_WORD_YES);
	EXPECT_INT(egress_questions_use(questions, question), ==, 0);
	egress_questions_free(questions);

	questions = open_questions(folder);
	EXPECT_INT(egress_questions_find(questions, yes_id) == NULL, ==, 1);
	EXPECT_INT(egress_questions_find(questions, open_id) != NULL, ==, 1);
	egress_questions_free(questions);

	clock_set_fake(0, 1001 + 60 * CLOCK_SECOND_US); /* the machine was off meanwhile */
	questions = open_questions(folder);
	EXPECT_INT(egress_questions_find(questions, open_id) == NULL, ==, 1);
	egress_questions_free(questions);
}

TEST(what_cannot_be_written_is_neither_asked_nor_answered_nor_used)
{
	auto_fd int folder = test_folder(NULL), null = open("/proc/self", O_RDONLY | O_DIRECTORY);
	auto_egress_url struct egress_url one = url_of("https://a.example/x");
	const struct egress_request request = { "GET", &one, NULL, "", 0, NULL };
	struct egress_questions *questions = open_questions(folder);
	struct egress_question *question = ask(questions, "GET", &one, "");
	int kept = dup(folder);

	EXPECT_INT(dup2(null, folder), ==, folder);
	EXPECT_INT(egress_questions_answer(questions, question, EGRESS_WORD_YES), <, 0);
	EXPECT_INT(question->word, ==, EGRESS_WORD_NONE);
	EXPECT_INT(dup2(kept, folder), ==, folder);
	EXPECT_INT(egress_questions_answer(questions, question, EGRESS_WORD_YES), ==, 0);
	EXPECT_INT(dup2(null, folder), ==, folder);
	EXPECT_INT(egress_questions_use(questions, question), <, 0);
	EXPECT_INT(question->word, ==, EGRESS_WORD_YES);
	EXPECT_INT(egress_questions_ask(questions, &request, &question), <, 0);
	egress_questions_free(questions);
	(void)close(kept);
}

TEST(a_damaged_file_of_questions_answers_nothing)
{
	auto_fd int folder = test_folder(NULL);
	auto_egress_url struct egress_url one = url_of("https://a.example/x");
	struct egress_questions *questions = open_questions(folder);
	auto_buf struct buf text = BUF(TEXT_MAX);
	bool is_lost = false;

	(void)ask(questions, "GET", &one, "");
	egress_questions_free(questions);
	EXPECT_INT(dir_read(folder, "questions", &text), ==, 0);
	for (size_t cut = 0; cut < text.length; cut++) {
		EXPECT_INT(dir_replace(folder, "questions", text.data, cut, 0600), ==, 0);
		EXPECT_INT(egress_questions_open(folder, 8, 60, &questions, &is_lost), ==, 0);
		EXPECT_INT(egress_questions_waiting(questions, 0) == NULL, ==, 1);
		EXPECT_INT(is_lost, ==, cut != strlen("clawos-questions 1\n"));
		egress_questions_free(questions);
	}
}

/* the table of limits */

struct quota {
	char section[40], key[40], value[40];
};

/* The next "key = value" of the file; false at its end. */
static bool next_quota(FILE *file, struct quota *quota)
{
	char line[500];

	while (fgets(line, sizeof(line), file)) {
		char *equals = strchr(line, '=');

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '[') {
			(void)snprintf(quota->section, sizeof(quota->section), "%.*s",
				       (int)strcspn(line + 1, "]"), line + 1);
		} else if (line[0] != '#' && equals) {
			(void)snprintf(quota->key, sizeof(quota->key), "%.*s",
				       (int)strcspn(line, " ="), line);
			(void)snprintf(quota->value, sizeof(quota->value), "%s",
				       equals + 1 + strspn(equals + 1, " "));
			return true;
		}
	}
	return false;
}

static const struct config_item *find_item(const char *section, const char *key)
{
	for (size_t i = 0; i < egress_config_table.n_items; i++) {
		const struct config_item *item = &egress_config_table.items[i];

		if (strcmp(item->section, section) == 0 && strcmp(item->key, key) == 0)
			return item;
	}
	return NULL;
}

TEST(the_limits_are_those_of_the_table)
{
	struct quota quota = { 0 };
	unsigned seen = 0, wanted = 0;
	char path[500];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/tables/quotas", getenv("CLAW_SPEC"));
	file = fopen(path, "re");
	EXPECT_INT(file != NULL, ==, 1);
	while (file && next_quota(file, &quota)) {
		const struct config_item *item;

		if (strcmp(quota.section, "egress") != 0 && strcmp(quota.section, "budget") != 0)
			continue;
		item = find_item(quota.section, quota.key);
		if (!item)
			tap_fail(path, 0, "%s.%s is no key", quota.section, quota.key);
		EXPECT_STR(quota.value, item->fallback);
		seen++;
	}
	(void)fclose(file);
	for (size_t i = 0; i < egress_config_table.n_items; i++)
		wanted += strcmp(egress_config_table.items[i].section, "provider") != 0 &&
			  egress_config_table.items[i].type == CONFIG_NUMBER;
	EXPECT_INT(seen, ==, wanted);
}
