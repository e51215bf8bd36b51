/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* When a provider does not answer, the next one of the chain is asked. */
#include "base/utf8.h"
#include "l6-agent/exchange.h"
#include "l6-agent/turn.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_ERROR_FIRST = 300, STATUS_SERVER_FIRST = 500, STATUS_BYTES = 96 };

/* The provider cannot answer now, or not us. What is wrong with the request is wrong everywhere. */
static bool is_its_own(int status)
{
	static const int statuses[] = { 401, 402, 403, 404, 408, 409, 429 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (status == statuses[i])
			return true;
	return status >= STATUS_SERVER_FIRST || status < STATUS_ERROR_FIRST;
}

static bool may_fail_over(const struct turn *turn, const struct exchange_result *result)
{
	if (turn->has_shown || turn->n_failed + 1 >= turn->agent->chain.n || turn->is_ending)
		return false;
	switch (result->code) {
	case -EHOSTDOWN: /* it was not reached, or is passed over */
	case -ENODEV:    /* its key is missing */
		return true;
	case -EREMOTEIO:
	case -EPROTO: /* it said something else, or stopped */
		return is_its_own(result->figures.status);
	default:
		return false;
	}
}

const struct provider_config *turn_provider(const struct turn *turn)
{
	return &turn->agent->chain.list[turn->provider];
}

void turn_route(struct turn *turn)
{
	if (!turn->is_routed && turn_route_is_cheap[turn->priority])
		turn->provider = turn->agent->chain.cheap;
	turn->is_routed = true;
}

static const char *name_of(const struct turn *turn, unsigned provider)
{
	return provider_row(&turn->agent->chain.list[provider])->name;
}

bool turn_fail_over(struct turn *turn, const struct exchange_result *result)
{
	char status[STATUS_BYTES];

	if (!may_fail_over(turn, result))
		return false;
	(void)snprintf(turn->instead, sizeof(turn->instead), "%s: %s",
		       name_of(turn, turn->provider), result->err.text); /* may be cut */
	turn->instead[utf8_cut(turn->instead, strlen(turn->instead), sizeof(turn->instead) - 1)] =
		'\0';
	(void)snprintf(status, sizeof(status), "%s does not answer; another one is asked",
		       name_of(turn, turn->provider));
	turn->provider = (turn->provider + 1) % turn->agent->chain.n;
	turn->n_failed++;
	turn_say_status(turn, status);
	return true;
}
