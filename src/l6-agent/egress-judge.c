/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-judge - allow, ask or deny, by rule and by the table of effects (L6). */
#include "base/cleanup.h"
#include "l6-agent/egress.h"

#include <stdio.h>
#include <string.h>

int egress_origins_parse(sd_json_variant *names, unsigned *ret)
{
	unsigned origins = 0;

	for (size_t i = 0; names && i < sd_json_variant_elements(names); i++) {
		sd_json_variant *name = sd_json_variant_by_index(names, i);
		enum tool_origin origin;

		if (!sd_json_variant_is_string(name) ||
		    !tool_origin_parse(sd_json_variant_string(name), &origin))
			return -EINVAL;
		origins |= 1U << origin;
	}
	*ret = origins;
	return 0;
}

/* Cut where it does not fit: it is read by a person, the rule's number is exact. */
static void explain(const struct egress_deed *deed, enum tool_effect effect,
		    struct egress_judgment *ret)
{
	static const char *const does[] = { "allows", "asks before", "denies" };
	const struct egress_rule *rule = ret->rule;

	if (rule)
		(void)snprintf(ret->reason, sizeof(ret->reason), "rule %llu: %s",
			       (unsigned long long)rule->id, rule->text);
	else if (deed->url && ret->verdict == TOOL_ASK)
		(void)snprintf(ret->reason, sizeof(ret->reason), "no rule allows %s to %.256s",
			       deed->method, deed->url->host);
	else
		(void)snprintf(ret->reason, sizeof(ret->reason), "the table of effects %s \"%s\"%s",
			       does[ret->verdict], tool_effect_name(effect),
			       deed->origins & ~(1U << ORIGIN_PERSON)
				       ? " that does not come from the person alone"
				       : "");
}

void egress_judge(struct egress *egress, const struct egress_deed *deed, enum tool_effect effect,
		  struct egress_judgment *ret)
{
	ret->rule = egress_rules_find(egress->rules, deed);
	ret->verdict = ret->rule ? ret->rule->verdict : tool_effect_verdict(effect, deed->origins);
	if (ret->rule)
		ret->rule->used++;
	explain(deed, effect, ret);
}

struct judge_arguments {
	const char *tool, *thread;
	sd_json_variant *origins, *arguments;
};

static int reply(sd_varlink *link, const struct egress_deed *deed,
		 const struct egress_judgment *judgment)
{
	auto_buf struct buf proposal = BUF(EGRESS_RULE_BYTES_MAX);
	bool is_proposed =
		judgment->verdict == TOOL_ASK && egress_rule_propose(deed, &proposal) >= 0;
	struct egress_rule rule = { 0 };

	/* what would not be taken is not offered */
	is_proposed = is_proposed && egress_rule_parse(buf_string(&proposal), &rule, NULL) >= 0;
	egress_rule_free(&rule);
	return sd_varlink_replybo(
		link, SD_JSON_BUILD_PAIR_STRING("verdict", tool_verdict_name(judgment->verdict)),
		SD_JSON_BUILD_PAIR_CONDITION(
			judgment->rule != NULL, "rule",
			SD_JSON_BUILD_UNSIGNED(judgment->rule ? judgment->rule->id : 0)),
		SD_JSON_BUILD_PAIR_STRING("reason", judgment->reason),
		SD_JSON_BUILD_PAIR_CONDITION(is_proposed, "proposal",
					     SD_JSON_BUILD_STRING(buf_string(&proposal))));
}

static int judge(struct egress *egress, sd_varlink *link, const struct judge_arguments *arguments)
{
	const struct tool *tool = tool_find(arguments->tool);
	struct egress_deed deed = { .tool = arguments->tool,
				    .thread = arguments->thread,
				    .arguments = arguments->arguments };
	struct egress_judgment judgment;

	if (!tool)
		return egress_invalid(link, "there is no such tool");
	if (tool->place == TOOL_EGRESS)
		return egress_invalid(link, "what leaves the machine is judged when it is sent");
	if (egress_origins_parse(arguments->origins, &deed.origins) < 0)
		return egress_invalid(link, "origins are person, tool, routine, agent");
	egress_judge(egress, &deed, tool->effect, &judgment);
	return reply(link, &deed, &judgment);
}

int egress_on_judge(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		    void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "tool", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct judge_arguments, tool), SD_JSON_MANDATORY },
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct judge_arguments, thread), SD_JSON_MANDATORY },
		{ "origins", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref,
		  offsetof(struct judge_arguments, origins), SD_JSON_MANDATORY },
		{ "arguments", SD_JSON_VARIANT_OBJECT, sd_json_dispatch_variant_noref,
		  offsetof(struct judge_arguments, arguments), SD_JSON_MANDATORY },
		{ 0 },
	};
	struct egress *egress = userdata;
	struct judge_arguments arguments = { 0 };

	(void)flags;
	if (!egress_allows(link, egress->agent, "claw-agentd"))
		return 0;
	if (sd_varlink_dispatch(link, parameters, fields, &arguments) != 0)
		return 0; /* answered already */
	return judge(egress, link, &arguments);
}
