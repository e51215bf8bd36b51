/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-budget.h"

#include <stdio.h>

enum { N_UNITS = 3, KEY_BYTES = 32, MONEY_BYTES = 40, ENDS_BYTES = 80, MINUTE = 60, HOUR = 3600 };

static const char *const scopes[] = { "turn", "thread", "day" };
static const char *const units[N_UNITS] = { "requests", "tokens", "cents" };

const struct egress_budget_limit *
egress_budget_limit_of(const struct egress_budget_settings *settings,
		       enum egress_budget_scope scope)
{
	switch (scope) {
	case BUDGET_TURN:
		return &settings->turn;
	case BUDGET_THREAD:
		return &settings->thread;
	case BUDGET_DAY:
		return &settings->day;
	}
	return &settings->day;
}

const char *egress_budget_scope_name(enum egress_budget_scope scope)
{
	return scopes[scope];
}

static uint64_t figure(const struct egress_spent *spent, size_t unit)
{
	const uint64_t figures[N_UNITS] = { spent->requests, spent->tokens, spent->nano };

	return figures[unit];
}

/* The configuration bounds cents, so that this cannot overflow. */
static uint64_t limit_of(const struct egress_budget_limit *limit, size_t unit)
{
	const uint64_t limits[N_UNITS] = { limit->requests, limit->tokens,
					   limit->cents * PRICE_CENT_NANO };

	return limits[unit];
}

static bool fits_one(const struct egress_budget_use *use)
{
	return use->spent <= use->limit && use->held <= use->limit - use->spent &&
	       use->bound <= use->limit - use->spent - use->held;
}

bool egress_budget_fits(const struct egress_budget_settings *settings,
			const struct egress_account *const accounts[3],
			const struct egress_spent *bound, struct egress_budget_use *ret)
{
	for (size_t scope = 0; scope < 3; scope++) {
		for (size_t unit = 0; unit < N_UNITS && accounts[scope]; unit++) {
			const struct egress_budget_use use = {
				.scope = (enum egress_budget_scope)scope,
				.unit = units[unit],
				.limit =
					limit_of(egress_budget_limit_of(
							 settings, (enum egress_budget_scope)scope),
						 unit),
				.spent = figure(&accounts[scope]->spent, unit),
				.held = figure(&accounts[scope]->held, unit),
				.bound = figure(bound, unit),
			};

			if (fits_one(&use))
				continue;
			*ret = use;
			return false;
		}
	}
	return true;
}

void egress_budget_key(const struct egress_budget_use *use, char ret[static KEY_BYTES])
{
	(void)snprintf(ret, KEY_BYTES, "budget.%s_%s", scopes[use->scope], use->unit); /* fits */
}

static bool is_money(const struct egress_budget_use *use)
{
	return use->unit == units[2];
}

/* "$1.25", "$0.0004" or "12000 tokens" */
static void amount(const struct egress_budget_use *use, uint64_t figure_nano,
		   char ret[static MONEY_BYTES])
{
	unsigned long long cents = figure_nano / PRICE_CENT_NANO;

	if (!is_money(use))
		(void)snprintf(ret, MONEY_BYTES, "%llu", (unsigned long long)figure_nano);
	else if (cents == 0 && figure_nano > 0)
		(void)snprintf(ret, MONEY_BYTES, "$0.%04llu",
			       (unsigned long long)(figure_nano * 100 / PRICE_CENT_NANO));
	else
		(void)snprintf(ret, MONEY_BYTES, "$%llu.%02llu", cents / 100, cents % 100);
}

static const char *whose(enum egress_budget_scope scope)
{
	switch (scope) {
	case BUDGET_TURN:
		return "this turn's";
	case BUDGET_THREAD:
		return "this thread's";
	case BUDGET_DAY:
		return "today's";
	}
	return "today's";
}

static void when_it_ends(const struct egress_budget_use *use, uint64_t left_s,
			 char ret[static ENDS_BYTES])
{
	unsigned long long hours = left_s / HOUR, minutes = left_s % HOUR / MINUTE;

	switch (use->scope) {
	case BUDGET_TURN:
		(void)snprintf(ret, ENDS_BYTES, "The next turn has its own.");
		break;
	case BUDGET_THREAD:
		(void)snprintf(ret, ENDS_BYTES, "Another thread has its own.");
		break;
	case BUDGET_DAY:
		(void)snprintf(ret, ENDS_BYTES, "Anew at 00:00 UTC, in %llu h %llu min.", hours,
			       minutes);
		break;
	}
}

void egress_budget_explain(const struct egress_budget_use *use, uint64_t left_s,
			   char ret[static EGRESS_BUDGET_TEXT_BYTES])
{
	const char *unit = is_money(use) ? "" : use->unit, *blank = is_money(use) ? "" : " ";
	char spent[MONEY_BYTES], limit[MONEY_BYTES], held[MONEY_BYTES], bound[MONEY_BYTES];
	char ends[ENDS_BYTES], under_way[ENDS_BYTES] = "";

	amount(use, use->spent, spent);
	amount(use, use->limit, limit);
	amount(use, use->held, held);
	amount(use, use->bound, bound);
	when_it_ends(use, left_s, ends);
	if (use->held > 0)
		(void)snprintf(under_way, sizeof(under_way), ", %s held by other calls", held);
	if (use->spent >= use->limit)
		(void)snprintf(ret, EGRESS_BUDGET_TEXT_BYTES,
			       "%s budget is used up: %s of %s%s%s. %s Raise it: [budget] %s_%s "
			       "in clawos.conf",
			       whose(use->scope), spent, limit, blank, unit, ends,
			       scopes[use->scope], use->unit);
	else
		(void)snprintf(ret, EGRESS_BUDGET_TEXT_BYTES,
			       "%s budget does not cover this call: %s of %s%s%s spent%s, it may "
			       "take %s. %s Raise it: [budget] %s_%s in clawos.conf",
			       whose(use->scope), spent, limit, blank, unit, under_way, bound, ends,
			       scopes[use->scope], use->unit);
}

/* Four fifths of the limit, without overflow. */
static bool is_near(uint64_t spent, uint64_t limit)
{
	return limit > 0 && spent >= limit - limit / 5;
}

bool egress_budget_warn(const struct egress_budget_settings *settings,
			enum egress_budget_scope scope, struct egress_account *account,
			char ret[static EGRESS_BUDGET_TEXT_BYTES])
{
	const struct egress_budget_limit *limits = egress_budget_limit_of(settings, scope);
	bool is_new = false;

	for (size_t unit = 0; unit < N_UNITS; unit++) {
		const struct egress_budget_use use = { .scope = scope,
						       .unit = units[unit],
						       .limit = limit_of(limits, unit),
						       .spent = figure(&account->spent, unit) };
		char spent[MONEY_BYTES], limit[MONEY_BYTES];
		unsigned bit = 1U << unit;

		if (!is_near(use.spent, use.limit)) {
			account->warned &= ~bit;
			continue;
		}
		if (account->warned & bit)
			continue;
		account->warned |= bit;
		amount(&use, use.spent, spent);
		amount(&use, use.limit, limit);
		if (!is_new)
			(void)snprintf(
				ret, EGRESS_BUDGET_TEXT_BYTES,
				"%s budget is four fifths used: %s of %s%s%s ([budget] %s_%s in "
				"clawos.conf)",
				whose(scope), spent, limit, is_money(&use) ? "" : " ",
				is_money(&use) ? "" : use.unit, scopes[scope], use.unit);
		is_new = true;
	}
	return is_new;
}
