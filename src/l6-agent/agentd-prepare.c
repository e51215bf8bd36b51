/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/agentd-prepare.h"

#include "l6-agent/front.h"

#include <string.h>

/* The state as it is told: while the documents are being looked at nothing has ended. */
static const char *state_of(const struct agent *agent)
{
	const char *state = agent->readiness.state ? agent->readiness.state : "none";

	return agent->first_front && strcmp(state, "reading") != 0 && strcmp(state, "loading") != 0
		       ? "waiting"
		       : state;
}

static bool is_under_way(const struct agent *agent)
{
	const char *state = state_of(agent);

	return strcmp(state, "none") != 0 && strcmp(state, "ready") != 0 &&
	       strcmp(state, "failed") != 0;
}

/* The peer may be gone: its end is an event of its own. */
static int tell(sd_varlink *link, const struct agent *agent)
{
	const struct agent_readiness *readiness = &agent->readiness;
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *reply = NULL;
	int r = sd_json_buildo(
		&reply, SD_JSON_BUILD_PAIR_STRING("state", state_of(agent)),
		SD_JSON_BUILD_PAIR_UNSIGNED("promptTokens", readiness->prompt_tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("readTokens", readiness->read_tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("leftUsec", readiness->left_us),
		SD_JSON_BUILD_PAIR_STRING("model", readiness->model),
		SD_JSON_BUILD_PAIR_STRING("reason", readiness->reason));

	if (r < 0)
		return r;
	return is_under_way(agent) ? sd_varlink_notify(link, reply) : sd_varlink_reply(link, reply);
}

int agentd_prepare(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	struct agent *agent = userdata;
	struct agent_readiness *readiness = &agent->readiness;

	(void)parameters;
	if (!(flags & SD_VARLINK_METHOD_MORE))
		return sd_varlink_error(link, SD_VARLINK_ERROR_EXPECTED_MORE, NULL);
	front_prepare(agent); /* a document may have changed */
	if (!is_under_way(agent))
		return tell(link, agent);
	if (readiness->n_waiting == AGENT_WAITING_MAX)
		return sd_varlink_error_errno(link, -EBUSY);
	readiness->waiting[readiness->n_waiting++] = sd_varlink_ref(link);
	return tell(link, agent);
}

void agentd_prepare_tell(struct agent *agent)
{
	for (size_t i = 0; i < agent->readiness.n_waiting; i++)
		(void)tell(agent->readiness.waiting[i], agent);
	if (!is_under_way(agent))
		agentd_prepare_drop(agent, NULL);
}

void agentd_prepare_drop(struct agent *agent, sd_varlink *link)
{
	struct agent_readiness *readiness = &agent->readiness;
	size_t kept = 0;

	for (size_t i = 0; i < readiness->n_waiting; i++) {
		if (link && readiness->waiting[i] != link)
			readiness->waiting[kept++] = readiness->waiting[i];
		else
			sd_varlink_unref(readiness->waiting[i]);
	}
	readiness->n_waiting = kept;
}
