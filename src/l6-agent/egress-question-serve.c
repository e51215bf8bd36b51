/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-question-serve - the person's word on what would leave the machine (L6). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/egress.h"

#include <string.h>

enum answer_scope { SCOPE_ONCE, SCOPE_THREAD, SCOPE_ALWAYS, SCOPE_COUNT };

static const char *const scopes[SCOPE_COUNT] = { "once", "thread", "always" };

struct answer_arguments {
	uint64_t question;
	bool allow;
	const char *action, *scope_name, *rule, *thread;
	enum answer_scope scope;
};

static int deny(sd_varlink *link, const char *reason)
{
	return sd_varlink_errorbo(link, "io.clawos.Egress.Denied",
				  SD_JSON_BUILD_PAIR_STRING("reason", reason));
}

/* The rule that a word beyond this once makes. */
static int propose(const struct egress_question *question, struct buf *text)
{
	const struct egress_deed deed = { .tool = "http",
					  .method = question->method,
					  .url = &question->url };

	return egress_rule_propose(&deed, text);
}

static int make_rule(struct egress *egress, const struct egress_question *question,
		     const struct answer_arguments *arguments, const char *text, struct error *err)
{
	struct egress_rule_bounds bounds = { 0 };

	if (arguments->scope == SCOPE_THREAD) {
		bounds.thread = question->thread;
		bounds.until_us = clock_realtime_us() + egress->settings->limits.thread_seconds *
								(uint64_t)CLOCK_SECOND_US;
	}
	return egress_rules_add(egress->rules, text, &bounds, NULL, err);
}

/* NULL when the word is about this question, else why not. */
static const char *find_exchange(const struct egress_question *question,
				 const struct answer_arguments *arguments, const char *rule)
{
	if (strcmp(arguments->action, question->action) != 0)
		return "the question is not about what was shown";
	if (arguments->scope == SCOPE_ONCE || !arguments->allow)
		return NULL;
	if (!arguments->rule || strcmp(arguments->rule, rule) != 0)
		return "the answer would make another rule than the one that was shown";
	if (arguments->scope == SCOPE_THREAD && (!arguments->thread || !question->thread ||
						 strcmp(arguments->thread, question->thread) != 0))
		return "the question is not about the thread it was shown in";
	return NULL;
}

/* A rule is the whole answer: no word is left that would outlive it. It is made first, so that what
 * the person said is kept, or nothing is. */
static int keep_word(struct egress *egress, struct egress_question *question,
		     const struct answer_arguments *arguments, const char *rule, struct error *err)
{
	int r;

	if (!arguments->allow || arguments->scope == SCOPE_ONCE)
		return egress_questions_answer(egress->questions, question,
					       arguments->allow ? EGRESS_WORD_YES : EGRESS_WORD_NO);
	r = make_rule(egress, question, arguments, rule, err);
	return r < 0 ? r : egress_questions_use(egress->questions, question);
}

static int answer(struct egress *egress, sd_varlink *link, const struct answer_arguments *arguments)
{
	struct egress_question *question =
		egress_questions_find(egress->questions, arguments->question);
	auto_buf struct buf rule = BUF(EGRESS_RULE_BYTES_MAX);
	struct error err = { 0 };
	const char *exchange;
	int r;

	if (!question)
		return sd_varlink_errorbo(
			link, "io.clawos.Egress.UnknownQuestion",
			SD_JSON_BUILD_PAIR_UNSIGNED("question", arguments->question));
	if (propose(question, &rule) < 0)
		return -ENOMEM;
	exchange = find_exchange(question, arguments, buf_string(&rule));
	if (exchange)
		return deny(link, exchange);
	if (question->word != EGRESS_WORD_NONE)
		return sd_varlink_errorbo(
			link, "io.clawos.Egress.Answered",
			SD_JSON_BUILD_PAIR_UNSIGNED("question", question->id),
			SD_JSON_BUILD_PAIR_BOOLEAN("allow", question->word == EGRESS_WORD_YES));
	r = keep_word(egress, question, arguments, buf_string(&rule), &err);
	if (r == -EINVAL || r == -EMSGSIZE)
		return deny(link, err.text);
	return r < 0 ? sd_varlink_error_errno(link, r) : sd_varlink_reply(link, NULL);
}

int egress_on_answer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "question", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct answer_arguments, question), SD_JSON_MANDATORY },
		{ "allow", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool,
		  offsetof(struct answer_arguments, allow), SD_JSON_MANDATORY },
		{ "action", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct answer_arguments, action), SD_JSON_MANDATORY },
		{ "scope", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct answer_arguments, scope_name), SD_JSON_MANDATORY },
		{ "rule", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct answer_arguments, rule), SD_JSON_NULLABLE },
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct answer_arguments, thread), SD_JSON_NULLABLE },
		{ 0 },
	};
	struct egress *egress = userdata;
	struct answer_arguments arguments = { .scope = SCOPE_COUNT };

	(void)flags;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	if (sd_varlink_dispatch(link, parameters, fields, &arguments) != 0)
		return 0; /* answered already */
	for (unsigned i = 0; i < SCOPE_COUNT; i++)
		if (strcmp(scopes[i], arguments.scope_name) == 0)
			arguments.scope = (enum answer_scope)i;
	if (arguments.scope == SCOPE_COUNT)
		return egress_invalid(link, "scope is once, thread or always");
	return answer(egress, link, &arguments);
}

int egress_on_questions(sd_varlink *link, sd_json_variant *parameters,
			sd_varlink_method_flags_t flags, void *userdata)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list = NULL;
	struct egress *egress = userdata;
	const struct egress_question *question;
	int r = sd_json_variant_new_array(&list, NULL, 0);

	(void)flags;
	(void)parameters;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	for (size_t i = 0; r >= 0 && (question = egress_questions_waiting(egress->questions, i));
	     i++)
		r = sd_json_variant_append_arraybo(
			&list, SD_JSON_BUILD_PAIR_UNSIGNED("question", question->id),
			SD_JSON_BUILD_PAIR_STRING("host", question->url.host),
			SD_JSON_BUILD_PAIR_INTEGER("port", question->url.port),
			SD_JSON_BUILD_PAIR_STRING("method", question->method),
			SD_JSON_BUILD_PAIR_STRING("url", question->url.url),
			SD_JSON_BUILD_PAIR_UNSIGNED("bytes", question->length),
			SD_JSON_BUILD_PAIR_STRING("action", question->action),
			SD_JSON_BUILD_PAIR_STRING("thread", question->thread),
			SD_JSON_BUILD_PAIR_UNSIGNED("createdUsec", question->created_us));
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("questions", list));
}
