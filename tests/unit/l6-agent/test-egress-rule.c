/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l6-agent/egress-rules.h"
#include "l6-agent/egress-url.h"

#include "harness/cases.h"
#include "harness/folder.h"
#include "harness/tap.h"

#include <stdio.h>
#include <string.h>

#define auto_variant __attribute__((cleanup(sd_json_variant_unrefp)))

enum { RULES_MAX = 8, TEXT_MAX = 1 << 16 };

static void parse(const struct test_case *c)
{
	struct egress_rule rule = { 0 }, again = { 0 };
	struct error err = { 0 };
	int r;

	(void)cases_unescape(c->fields[0]);
	(void)cases_unescape(c->fields[1]);
	r = egress_rule_parse(c->fields[0], &rule, &err);
	if (strcmp(c->fields[1], "refused") == 0) {
		if (r >= 0)
			tap_fail(c->file, c->line, "\"%s\" was taken as %s", c->fields[0],
				 rule.text);
		if (!strstr(err.text, c->fields[2]))
			tap_fail(c->file, c->line, "\"%s\": \"%s\" has no \"%s\"", c->fields[0],
				 err.text, c->fields[2]);
		return;
	}
	if (r < 0 || strcmp(rule.text, c->fields[1]) != 0)
		tap_fail(c->file, c->line, "\"%s\" became \"%s\" (%s)", c->fields[0],
			 r < 0 ? "" : rule.text, err.text);
	EXPECT_OK(egress_rule_parse(rule.text, &again, &err), &err);
	EXPECT_STR(again.text, rule.text);
	egress_rule_free(&rule);
	egress_rule_free(&again);
}

TEST(rules_are_read_as_their_cases_say_and_read_the_same_again)
{
	cases_run("egress-rule", 4, 60, parse);
}

static struct egress_rules *open_rules(int folder)
{
	struct egress_rules *rules = NULL;
	struct error err = { 0 };

	EXPECT_OK(egress_rules_open(folder, NULL, RULES_MAX, &rules, &err), &err);
	return rules;
}

static void add_rule(struct egress_rules *rules, char *text)
{
	struct egress_rule_bounds bounds = { 0 };
	struct error err = { 0 };

	if (*text == '@') {
		bounds.thread = text + 1;
		text += strcspn(text, " ");
		*text++ = '\0';
	}
	EXPECT_OK(egress_rules_add(rules, text, &bounds, NULL, &err), &err);
}

static void add_rules(struct egress_rules *rules, char *list)
{
	char *next;

	for (char *text = list; text && strcmp(text, "-") != 0; text = next) {
		next = strstr(text, " ;; ");
		if (next) {
			*next = '\0';
			next += strlen(" ;; ");
		}
		add_rule(rules, text);
	}
}

/* "GET URL", or tool, argument and value; <long> is a value that is too long to judge. */
static enum tool_verdict judge(struct egress_rules *rules, char *who, char *call)
{
	auto_egress_url struct egress_url url = { 0 };
	auto_variant sd_json_variant *arguments = NULL;
	struct egress_deed deed = { .tool = call, .origins = 1U << ORIGIN_PERSON };
	char *value = call + strcspn(call, " ");
	struct error err = { 0 };
	struct egress_rule *rule;

	if (*who == '+') {
		deed.origins |= 1U << ORIGIN_TOOL;
		who += strlen("+tool ");
	}
	deed.thread = strcmp(who, "-") == 0 ? NULL : who;
	*value++ = '\0';
	if (call[0] >= 'A' && call[0] <= 'Z') {
		EXPECT_OK(egress_url_parse(value, &url, &err), &err);
		deed.tool = "http";
		deed.method = call;
		deed.url = &url;
	} else {
		char *name = value;

		value += strcspn(value, " ");
		*value++ = '\0';
		(void)cases_unescape(value);
		EXPECT_INT(sd_json_buildo(
				   &arguments,
				   SD_JSON_BUILD_PAIR(name, strcmp(value, "<long>") == 0
								    ? SD_JSON_BUILD_NULL
								    : SD_JSON_BUILD_STRING(value))),
			   >=, 0);
		deed.arguments = arguments;
	}
	rule = egress_rules_find(rules, &deed);
	return rule ? rule->verdict
		    : tool_effect_verdict(tool_find(deed.tool)->effect, deed.origins);
}

static void judge_case(const struct test_case *c)
{
	auto_fd int folder = test_folder(NULL);
	struct egress_rules *rules = open_rules(folder);
	const char *verdict;

	add_rules(rules, c->fields[0]);
	verdict = tool_verdict_name(judge(rules, c->fields[1], c->fields[2]));
	if (strcmp(verdict, c->fields[3]) != 0)
		tap_fail(c->file, c->line, "%s, wanted %s: %s", verdict, c->fields[3],
			 c->fields[4]);
	egress_rules_close(rules);
}

TEST(calls_are_judged_as_their_cases_say)
{
	cases_run("egress-judge", 5, 50, judge_case);
}

TEST(a_rule_for_a_thread_ends_with_its_time_and_survives_a_restart_until_then)
{
	auto_fd int folder = test_folder(NULL);
	struct egress_rules *rules = open_rules(folder);
	const struct egress_rule_bounds bounds = { .thread = "my work %-", .until_us = 2000 };
	struct error err = { 0 };
	char call[3][40] = { "GET https://a.example/", "GET https://a.example/",
			     "GET https://a.example/" };
	char thread[] = "my work %-";

	clock_set_fake(1000, 1000);
	EXPECT_OK(egress_rules_add(rules, "allow http GET a.example", &bounds, NULL, &err), &err);
	egress_rules_close(rules);
	rules = open_rules(folder);
	EXPECT_STR(egress_rules_at(rules, 0)->thread, thread);
	EXPECT_INT(judge(rules, thread, call[0]), ==, TOOL_ALLOW);
	clock_set_fake(2000, 2000);
	EXPECT_INT(judge(rules, thread, call[1]), ==, TOOL_ASK);
	EXPECT_OK(egress_rules_add(rules, "ask shell", NULL, NULL, &err), &err);
	egress_rules_close(rules);
	clock_set_fake(1000, 1000);
	rules = open_rules(folder); /* it left the file when that was written */
	EXPECT_INT(egress_rules_count(rules), ==, 1);
	EXPECT_INT(judge(rules, thread, call[2]), ==, TOOL_ASK);
	egress_rules_close(rules);
}

TEST(a_rule_takes_the_place_of_another_in_one_step)
{
	auto_fd int folder = test_folder(NULL);
	struct egress_rules *rules = open_rules(folder);
	struct egress_rule_bounds bounds = { .replaces = 1 };
	const struct egress_rule *made = NULL;
	struct error err = { 0 };

	for (unsigned i = 0; i < RULES_MAX; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "allow http GET h%u.example", i);
		EXPECT_OK(egress_rules_add(rules, text, NULL, NULL, &err), &err);
	}
	EXPECT_OK(egress_rules_add(rules, "deny http h0.example", &bounds, &made, &err), &err);
	EXPECT_INT(egress_rules_count(rules), ==, RULES_MAX);
	EXPECT_STR(made->text, "deny http any h0.example");
	EXPECT_INT(egress_rules_add(rules, "ask shell", &bounds, NULL, &err), ==, -ENOENT);
	EXPECT_INT(egress_rules_add(rules, "ask shell", NULL, NULL, &err), ==, -EMSGSIZE);
	/* about the same calls: it replaces without being told to */
	EXPECT_OK(egress_rules_add(rules, "ask http GET https://h1.example", NULL, NULL, &err),
		  &err);
	egress_rules_close(rules);
	rules = open_rules(folder);
	EXPECT_INT(egress_rules_count(rules), ==, RULES_MAX);
	egress_rules_close(rules);
}

TEST(rules_of_the_former_file_mean_what_they_meant)
{
	static const char old[] = "clawos-rules 1\n# x\nrule 3 https one.example 443 5 7\n"
				  "rule 9 http 2606:4700::1 81 6 0\n";
	auto_fd int folder = test_folder(NULL);
	struct egress_rules *rules;
	struct error err = { 0 };

	EXPECT_INT(dir_replace(folder, "rules", old, strlen(old), 0600), ==, 0);
	for (unsigned i = 0; i < 2; i++) {
		rules = open_rules(folder);
		EXPECT_STR(egress_rules_at(rules, 0)->text, "allow http any https://one.example");
		EXPECT_STR(egress_rules_at(rules, 1)->text,
			   "allow http any http://[2606:4700::1]:81");
		EXPECT_INT(egress_rules_at(rules, 0)->id, ==, 3);
		EXPECT_INT(egress_rules_at(rules, 0)->used, ==, 7);
		EXPECT_INT(egress_rules_at(rules, 1)->created_us, ==, 6);
		if (i == 0) /* and it is written in the new form */
			EXPECT_OK(egress_rules_add(rules, "ask shell", NULL, NULL, &err), &err);
		egress_rules_close(rules);
	}
}

TEST(what_is_offered_is_taken_and_means_the_call_it_was_offered_for)
{
	static const char *const commands[] = { "make test", "echo * \\* x", "rm -rf build; ls",
						"a  b" };

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		auto_buf struct buf text = BUF(TEXT_MAX);
		auto_variant sd_json_variant *arguments = NULL;
		struct egress_deed deed = { .tool = "shell" };
		struct egress_rule rule = { 0 };
		struct error err = { 0 };

		EXPECT_INT(sd_json_buildo(&arguments,
					  SD_JSON_BUILD_PAIR_STRING("command", commands[i])),
			   >=, 0);
		deed.arguments = arguments;
		EXPECT_INT(egress_rule_propose(&deed, &text), ==, 0);
		EXPECT_OK(egress_rule_parse(buf_string(&text), &rule, &err), &err);
		EXPECT_INT(egress_rule_is_about(&rule, &deed), ==, 1);
		egress_rule_free(&rule);
	}
}
