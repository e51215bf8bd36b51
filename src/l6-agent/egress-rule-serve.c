/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-rule-serve - the person sees, adds and revokes rules (L6). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/egress.h"

#include <string.h>

#define auto_variant __attribute__((cleanup(sd_json_variant_unrefp)))

static int build(const struct egress_rule *rule, sd_json_variant **ret)
{
	return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("id", rule->id),
			      SD_JSON_BUILD_PAIR_STRING("text", rule->text),
			      SD_JSON_BUILD_PAIR_STRING("thread", rule->thread),
			      SD_JSON_BUILD_PAIR_STRING("origin", rule->origin == EGRESS_RULE_TABLE
									  ? "table"
									  : "person"),
			      SD_JSON_BUILD_PAIR_UNSIGNED("createdUsec", rule->created_us),
			      SD_JSON_BUILD_PAIR_CONDITION(rule->until_us > 0, "untilUsec",
							   SD_JSON_BUILD_UNSIGNED(rule->until_us)),
			      SD_JSON_BUILD_PAIR_UNSIGNED("used", rule->used));
}

int egress_on_rules(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata)
{
	auto_variant sd_json_variant *list = NULL;
	uint64_t now_us = clock_realtime_us();
	struct egress *egress = userdata;
	int r = sd_json_variant_new_array(&list, NULL, 0);

	(void)flags;
	(void)parameters;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	for (size_t i = 0; r >= 0 && i < egress_rules_count(egress->rules); i++) {
		const struct egress_rule *rule = egress_rules_at(egress->rules, i);
		auto_variant sd_json_variant *object = NULL;

		if (rule->until_us > 0 && rule->until_us <= now_us)
			continue;
		r = build(rule, &object);
		if (r >= 0)
			r = sd_json_variant_append_array(&list, object);
	}
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("rules", list));
}

struct add_arguments {
	const char *text, *thread;
	uint64_t replaces;
};

/* What a thread's name may be is for who has threads; here it must fit into a line. */
static const char *find_thread_problem(const char *thread)
{
	if (!thread)
		return NULL;
	if (*thread == '\0' || strlen(thread) > EGRESS_THREAD_BYTES_MAX)
		return "that is no thread's name";
	return NULL;
}

static int add(struct egress *egress, sd_varlink *link, const struct add_arguments *arguments)
{
	struct egress_rule_bounds bounds = { .thread = arguments->thread,
					     .replaces = arguments->replaces };
	const char *problem = find_thread_problem(arguments->thread);
	auto_variant sd_json_variant *object = NULL;
	const struct egress_rule *rule = NULL;
	struct error err = { 0 };
	int r;

	if (problem)
		return egress_invalid(link, problem);
	if (arguments->thread)
		bounds.until_us = clock_realtime_us() + egress->settings->limits.thread_seconds *
								(uint64_t)CLOCK_SECOND_US;
	r = egress_rules_add(egress->rules, arguments->text, &bounds, &rule, &err);
	if (r == -EMSGSIZE)
		return sd_varlink_errorbo(
			link, "io.clawos.Egress.QuotaExceeded",
			SD_JSON_BUILD_PAIR_STRING("limit", "egress.rules"),
			SD_JSON_BUILD_PAIR_UNSIGNED("value", egress->settings->limits.rules));
	if (r == -EINVAL || r == -ENOENT || r == -EPERM)
		return egress_invalid(link, err.text);
	if (r >= 0)
		r = build(rule, &object);
	return r < 0 ? sd_varlink_error_errno(link, r)
		     : sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("rule", object));
}

int egress_on_add_rule(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "text", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct add_arguments, text), SD_JSON_MANDATORY },
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct add_arguments, thread), SD_JSON_NULLABLE },
		{ "replaces", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct add_arguments, replaces), SD_JSON_NULLABLE },
		{ 0 },
	};
	struct egress *egress = userdata;
	struct add_arguments arguments = { 0 };

	(void)flags;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	if (sd_varlink_dispatch(link, parameters, fields, &arguments) != 0)
		return 0; /* answered already */
	return add(egress, link, &arguments);
}

int egress_on_revoke(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "id", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64, 0,
		  SD_JSON_MANDATORY },
		{ 0 },
	};
	struct egress *egress = userdata;
	struct error err = { 0 };
	uint64_t id = 0;
	int r;

	(void)flags;
	if (!egress_allows(link, egress->owner, "the person"))
		return 0;
	if (sd_varlink_dispatch(link, parameters, fields, &id) != 0)
		return 0; /* answered already */
	r = egress_rules_revoke(egress->rules, id, &err);
	if (r == -ENOENT || r == -EPERM)
		return egress_invalid(link, err.text);
	return r < 0 ? sd_varlink_error_errno(link, r) : sd_varlink_reply(link, NULL);
}
