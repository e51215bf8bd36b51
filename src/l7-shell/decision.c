/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/decision.h"

#include "base/cleanup.h"
#include "l7-shell/link.h"

#include <stdbool.h>
#include <string.h>

/* The text goes along: claw-agentd brought text and number, and could have exchanged one of them.
 */
static int tell_guard(int run_fd, sd_json_variant *data, enum decision decision, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	const char *via = link_string(data, "via");
	bool egress = strcmp(via, "egress") == 0;
	int r;

	if (!egress && strcmp(via, "fs") != 0)
		return FAIL(err, -EPROTO, "the question names an unknown guard");
	r = sd_json_buildo(
		&parameters, SD_JSON_BUILD_PAIR_INTEGER("question", link_integer(data, "question")),
		SD_JSON_BUILD_PAIR_BOOLEAN("allow", decision != DECISION_DENY),
		SD_JSON_BUILD_PAIR_STRING("action", link_string(data, "action")),
		SD_JSON_BUILD_PAIR_CONDITION(
			egress, "scope",
			SD_JSON_BUILD_STRING(decision == DECISION_ALWAYS ? "always" : "once")));
	if (r < 0)
		return FAIL(err, r, "answer: %s", strerror(-r));
	return link_ask(run_fd, via, egress ? "io.clawos.Egress.Answer" : "io.clawos.Fs.Answer",
			parameters, NULL, err);
}

int decision_give(int run_fd, sd_json_variant *event, enum decision decision, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	sd_json_variant *data = link_field(event, "data");
	const char *via = link_string(data, "via");
	int r;

	if (strcmp(via, "agent") != 0) {
		r = tell_guard(run_fd, data, decision, err);
		if (r < 0 && decision != DECISION_DENY)
			return error_prefix(err, "not released");
	}
	r = sd_json_buildo(&parameters,
			   SD_JSON_BUILD_PAIR_INTEGER("question", link_integer(event, "seq")),
			   SD_JSON_BUILD_PAIR_BOOLEAN("allow", decision != DECISION_DENY));
	if (r < 0)
		return FAIL(err, r, "answer: %s", strerror(-r));
	return link_ask(run_fd, "agent", "io.clawos.Agent.Answer", parameters, NULL, err);
}
