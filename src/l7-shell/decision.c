/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/decision.h"

#include "base/cleanup.h"
#include "l7-shell/link.h"

#include <stdbool.h>
#include <string.h>

/* claw-agentd brought the text of the rule: one about another tool than the question is no offer,
 * and what may leave the machine is never offered by claw-agentd's own questions. */
const char *decision_rule(sd_json_variant *data)
{
	const char *rule = link_string(data, "rule"), *via = link_string(data, "via");
	const char *tool = strcmp(via, "egress") == 0 ? "http" : link_string(data, "tool");
	size_t n = strlen(tool);

	if (strncmp(rule, "allow ", strlen("allow ")) != 0 || n == 0 ||
	    (strcmp(via, "agent") == 0 && strcmp(tool, "http") == 0) || strcmp(via, "fs") == 0)
		return NULL;
	rule += strlen("allow ");
	return strncmp(rule, tool, n) == 0 && rule[n] == ' ' ? rule - strlen("allow ") : NULL;
}

static const char *scope_of(enum decision decision)
{
	switch (decision) {
	case DECISION_THREAD:
		return "thread";
	case DECISION_ALWAYS:
		return "always";
	case DECISION_DENY:
	case DECISION_ONCE:
		break;
	}
	return "once";
}

/* The text goes along: claw-agentd brought text and number, and could have exchanged one of them.
 */
static int build(sd_json_variant *event, enum decision decision, sd_json_variant **ret)
{
	sd_json_variant *data = link_field(event, "data");
	bool egress = strcmp(link_string(data, "via"), "egress") == 0;
	bool is_longer = decision == DECISION_THREAD || decision == DECISION_ALWAYS;

	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_INTEGER("question", link_integer(data, "question")),
		SD_JSON_BUILD_PAIR_BOOLEAN("allow", decision != DECISION_DENY),
		SD_JSON_BUILD_PAIR_STRING("action", link_string(data, "action")),
		SD_JSON_BUILD_PAIR_CONDITION(egress, "scope",
					     SD_JSON_BUILD_STRING(scope_of(decision))),
		SD_JSON_BUILD_PAIR_CONDITION(egress && is_longer, "rule",
					     SD_JSON_BUILD_STRING(decision_rule(data))),
		SD_JSON_BUILD_PAIR_CONDITION(egress && is_longer, "thread",
					     SD_JSON_BUILD_STRING(link_string(event, "thread"))));
}

static int call(int run_fd, const char *via, sd_json_variant *parameters, bool *allow,
		struct error *err)
{
	const char *method =
		strcmp(via, "egress") == 0 ? "io.clawos.Egress.Answer" : "io.clawos.Fs.Answer";
	sd_json_variant *reply = NULL; /* the link's */
	const char *error_id = NULL;
	auto_link sd_varlink *link = NULL;
	bool wanted = *allow;
	int r = link_open(run_fd, via, &link, err);

	if (r < 0)
		return r;
	r = sd_varlink_call(link, method, parameters, &reply, &error_id);
	if (r < 0)
		return FAIL(err, r, "claw-%sd does not answer: %s", via, strerror(-r));
	if (!error_id)
		return 0;
	if (strcmp(error_id, "io.clawos.Egress.Answered") == 0) {
		*allow = link_boolean(reply, "allow");
		return *allow == wanted ? 0 : 1;
	}
	return link_error(error_id, reply, err);
}

/* 1: the guard had another word already, which is put into *allow. */
static int tell_guard(int run_fd, sd_json_variant *event, enum decision decision, bool *allow,
		      struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	const char *via = link_string(link_field(event, "data"), "via");
	int r;

	if (strcmp(via, "egress") != 0 && strcmp(via, "fs") != 0)
		return FAIL(err, -EPROTO, "the question names an unknown guard");
	r = build(event, decision, &parameters);
	if (r < 0)
		return FAIL(err, r, "answer: %s", strerror(-r));
	r = call(run_fd, via, parameters, allow, err);
	return r < 0 && decision == DECISION_DENY ? 0 : r; /* who is not told yes does nothing */
}

/* What claw-agentd carries out itself: the rule is added as the person's. */
static int add_rule(int run_fd, sd_json_variant *event, enum decision decision, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	const char *thread = decision == DECISION_THREAD ? link_string(event, "thread") : NULL;
	int r = sd_json_buildo(
		&parameters,
		SD_JSON_BUILD_PAIR_STRING("text", decision_rule(link_field(event, "data"))),
		SD_JSON_BUILD_PAIR_CONDITION(thread != NULL, "thread",
					     SD_JSON_BUILD_STRING(thread)));

	if (r < 0)
		return FAIL(err, r, "rule: %s", strerror(-r));
	return link_ask(run_fd, "egress", "io.clawos.Egress.AddRule", parameters, NULL, err);
}

static int tell_agent(int run_fd, sd_json_variant *event, bool allow, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	int r = sd_json_buildo(&parameters,
			       SD_JSON_BUILD_PAIR_INTEGER("question", link_integer(event, "seq")),
			       SD_JSON_BUILD_PAIR_BOOLEAN("allow", allow));

	if (r < 0)
		return FAIL(err, r, "answer: %s", strerror(-r));
	return link_ask(run_fd, "agent", "io.clawos.Agent.Answer", parameters, NULL, err);
}

int decision_give(int run_fd, sd_json_variant *event, enum decision decision, struct error *err)
{
	bool is_longer = decision == DECISION_THREAD || decision == DECISION_ALWAYS;
	sd_json_variant *data = link_field(event, "data");
	bool allow = decision != DECISION_DENY, is_other = false;
	int r = is_longer && !decision_rule(data)
			? FAIL(err, -EINVAL, "there is no rule to make of this question")
			: 0;

	if (r == 0 && strcmp(link_string(data, "via"), "agent") != 0) {
		r = tell_guard(run_fd, event, decision, &allow, err);
		is_other = r > 0;
	} else if (r == 0 && is_longer) {
		r = add_rule(run_fd, event, decision, err);
	}
	if (r < 0) {
		(void)error_prefix(err, "not released");
		return r;
	}
	r = tell_agent(run_fd, event, allow, err);
	if (is_other && (r == 0 || r == -ENOENT))
		return FAIL(err, -EALREADY, "another terminal was quicker: the answer was %s",
			    allow ? "yes" : "no");
	return r;
}
