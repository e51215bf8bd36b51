/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-budget - what calls to providers may cost: by turn, by thread, by day (L6).
 *
 * A call leaves only when what it may cost at most fits into all three; when it is over, what the
 * provider counted takes the place of that. Where nothing is said (cut off, no usage) it is bounded
 * from the bytes that went out and came in, and from how long it took. Names of thread and turn are
 * claw-agentd's word; the day is counted by this process alone.
 *
 * Units      Tokens; cents in the configuration, nanodollars inside.
 * Source     spec/egress.md, "Budgets"; spec/tables/quotas [budget]; spec/tables/prices.
 * Tests      tests/unit/l6-agent/test-egress-budget.c, tests/process/test-egress-budget.py.
 */
#pragma once

#include "l6-agent/egress-ledger.h"
#include "l6-agent/price.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EGRESS_BUDGET_TEXT_BYTES = 320 };

struct egress_budget_limit {
	uint64_t requests, tokens, cents;
};

struct egress_budget_settings {
	struct egress_budget_limit day, thread, turn;
	uint64_t answer_tokens; /* of one answer, where neither the table nor the call says */
	char *price;            /* NULL: by the table */
};

enum egress_budget_scope { BUDGET_TURN, BUDGET_THREAD, BUDGET_DAY };

/* One limit and how much of it is used, in the unit's own (money: nanodollars). */
struct egress_budget_use {
	enum egress_budget_scope scope;
	const char *unit; /* "requests", "tokens", "cents"; static */
	uint64_t limit, spent, held, bound;
};

/* The first limit that the bound does not fit into. account NULL: that scope is not named. */
bool egress_budget_fits(const struct egress_budget_settings *settings,
			const struct egress_account *const accounts[3],
			const struct egress_spent *bound, struct egress_budget_use *ret);

/* "budget.day_cents" */
void egress_budget_key(const struct egress_budget_use *use, char ret[static 32]);

/* Why it was refused, when it ends, and how to raise it. left_s: until the day ends. */
void egress_budget_explain(const struct egress_budget_use *use, uint64_t left_s,
			   char ret[static EGRESS_BUDGET_TEXT_BYTES]);

/* Limits of the account that are used to four fifths and were not warned about: their bits are set
 * in account->warned, and the first is put into words. False: there is nothing new to say. A limit
 * below that again will be warned about again. */
bool egress_budget_warn(const struct egress_budget_settings *settings,
			enum egress_budget_scope scope, struct egress_account *account,
			char ret[static EGRESS_BUDGET_TEXT_BYTES]);

/* The limits of one scope. */
const struct egress_budget_limit *
egress_budget_limit_of(const struct egress_budget_settings *settings,
		       enum egress_budget_scope scope);
const char *egress_budget_scope_name(enum egress_budget_scope scope);
