/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-spending - a call to a provider and the budgets: admitted, settled, reported (L6). */
#include "base/clock.h"
#include "l6-agent/egress-body.h"
#include "l6-agent/egress-budget.h"
#include "l6-agent/egress-usage.h"
#include "l6-agent/egress.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
	STATUS_ERROR_FIRST = 300,
	/* What a provider puts around a prompt of its own: the form of messages, of tools. */
	PROMPT_TOKENS_MORE = 1024,
	/* No provider thinks unseen faster than this; what is seen is counted. */
	UNSEEN_TOKENS_A_SECOND = 500,
	/* More than so many times the bound is no count. */
	BELIEVED_TIMES = 16,
};

static bool is_thread_name(const char *thread)
{
	size_t length = strlen(thread);

	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)thread[i]))
			return false;
	return length > 0 && length <= EGRESS_THREAD_BYTES_MAX;
}

int egress_spending_begin(struct egress_call *call, const char *thread, uint64_t turn,
			  struct error *err)
{
	int r = egress_body_check(buf_string(&call->body), call->body.length,
				  provider_model(call->provider->config), &call->answer_tokens,
				  err);

	if (r < 0)
		return r;
	if (thread && !is_thread_name(thread))
		return FAIL(err, -EINVAL, "this cannot be a thread's name");
	call->turn = turn;
	call->thread = thread ? strdup(thread) : NULL;
	return thread && !call->thread ? FAIL(err, -ENOMEM, "out of memory") : 0;
}

static uint64_t answer_bound(const struct egress_call *call)
{
	uint64_t table = call->provider->priced.answer_tokens, own = call->answer_tokens;

	if (own > 0)
		return table > 0 && table < own ? table : own;
	return table > 0 ? table : call->egress->settings->budget.answer_tokens;
}

static struct egress_spent spent_of(const struct egress_call *call,
				    const struct price_tokens *tokens)
{
	return (struct egress_spent){ .requests = 1,
				      .tokens = tokens->prompt + tokens->answer,
				      .nano = price_of(&call->provider->priced.price, tokens) };
}

/* A token is a byte at least. What goes into a cache may be dearer than what does not. */
static void bound_prompt(const struct egress_call *call, struct price_tokens *ret)
{
	const struct price *price = &call->provider->priced.price;

	ret->prompt = call->body.length + PROMPT_TOKENS_MORE;
	ret->stored = price->write > price->in ? ret->prompt : 0;
	ret->cached = 0;
}

static struct egress_spent bound_of(const struct egress_call *call)
{
	struct price_tokens tokens = { .answer = answer_bound(call) };

	bound_prompt(call, &tokens);
	return spent_of(call, &tokens);
}

static void refuse(struct egress_call *call, const struct egress_budget_use *use)
{
	uint64_t ends_s = egress_ledger_day_ends(call->egress->ledger);
	uint64_t now_s = clock_realtime_us() / CLOCK_SECOND_US;
	char key[32], reason[EGRESS_BUDGET_TEXT_BYTES];

	egress_budget_key(use, key);
	egress_budget_explain(use, ends_s > now_s ? ends_s - now_s : 0, reason);
	(void)sd_varlink_errorbo(
		call->link, "io.clawos.Egress.BudgetExceeded",
		SD_JSON_BUILD_PAIR_STRING("scope", egress_budget_scope_name(use->scope)),
		SD_JSON_BUILD_PAIR_STRING("limit", key),
		SD_JSON_BUILD_PAIR_UNSIGNED("value", use->limit),
		SD_JSON_BUILD_PAIR_UNSIGNED("spent", use->spent),
		SD_JSON_BUILD_PAIR_UNSIGNED("held", use->held),
		SD_JSON_BUILD_PAIR_UNSIGNED("bound", use->bound),
		SD_JSON_BUILD_PAIR_CONDITION(use->scope == BUDGET_DAY, "endsUsec",
					     SD_JSON_BUILD_UNSIGNED(ends_s * CLOCK_SECOND_US)),
		SD_JSON_BUILD_PAIR_STRING("reason", reason));
	egress_call_end(call, "BudgetExceeded");
}

bool egress_spending_take(struct egress_call *call)
{
	struct egress *egress = call->egress;
	struct egress_hold *hold = &call->hold;
	const struct egress_account *accounts[3];
	struct egress_budget_use use;
	struct error err = { 0 };
	int r = egress_ledger_thread(egress->ledger, call->thread, &hold->thread);

	if (r >= 0)
		r = egress_ledger_turn(egress->ledger, call->turn, &hold->turn);
	accounts[BUDGET_TURN] = hold->turn;
	accounts[BUDGET_THREAD] = hold->thread;
	accounts[BUDGET_DAY] = egress_ledger_today(egress->ledger);
	hold->bound = bound_of(call);
	if (r >= 0 &&
	    !egress_budget_fits(&egress->settings->budget, accounts, &hold->bound, &use)) {
		refuse(call, &use);
		return false;
	}
	if (r >= 0)
		r = egress_ledger_hold(egress->ledger, hold, &err);
	if (r >= 0) {
		call->usage = (struct egress_usage){ 0 };
		return true;
	}
	egress_call_fail(call, "budget", err.text[0] ? err.text : strerror(-r));
	return false;
}

/* What the model may have written when nobody says: what was seen, or what time allowed. A request
 * for a whole answer is computed to its end, whoever still listens. */
static uint64_t bound_answer(const struct egress_call *call, bool is_whole)
{
	uint64_t most = answer_bound(call);
	uint64_t passed_us = clock_monotonic_us() - call->attempt_us;
	uint64_t written = passed_us * UNSEEN_TOKENS_A_SECOND / CLOCK_SECOND_US + 1;

	if (!call->stream && !is_whole)
		return most;
	if (call->usage.text_bytes > written)
		written = call->usage.text_bytes;
	return written < most ? written : most;
}

/*
 * Providers count in ways of their own, but not in thousands of times what was sent: one that is
 * that wrong would use up a day's budget with a single answer.
 */
static struct egress_spent believe(const struct egress_call *call, struct egress_spent spent)
{
	const struct egress_spent *bound = &call->hold.bound;

	if (spent.tokens / BELIEVED_TIMES > bound->tokens)
		spent.tokens = bound->tokens * BELIEVED_TIMES;
	if (spent.nano / BELIEVED_TIMES > bound->nano)
		spent.nano = bound->nano * BELIEVED_TIMES;
	return spent;
}

static struct egress_spent cost_of(const struct egress_call *call, bool is_whole)
{
	struct price_tokens tokens;
	bool told = egress_usage_told(&call->usage, &tokens);

	if (call->status >= STATUS_ERROR_FIRST) /* an error costs nothing but a request */
		return (struct egress_spent){ .requests = 1 };
	if (told && is_whole)
		return believe(call, spent_of(call, &tokens));
	if (call->usage.prompt == 0)
		bound_prompt(call, &tokens);
	if (bound_answer(call, is_whole) > tokens.answer)
		tokens.answer = bound_answer(call, is_whole);
	return spent_of(call, &tokens);
}

static void warn(struct egress_call *call, enum egress_budget_scope scope,
		 struct egress_account *account)
{
	char text[EGRESS_BUDGET_TEXT_BYTES];

	if (!account || !egress_budget_warn(&call->egress->settings->budget, scope, account, text))
		return;
	egress_ledger_keep_warned(call->egress->ledger, account);
	memcpy(call->warning, text, sizeof(text)); /* the widest counts */
}

void egress_spending_settle(struct egress_call *call, bool has_reached, bool is_whole)
{
	struct egress_spent spent = { .requests = 1 };

	if (call->hold.id == 0)
		return;
	if (has_reached)
		spent = cost_of(call, is_whole);
	(void)egress_ledger_settle(call->egress->ledger, &call->hold,
				   &spent); /* else the bound counts */
	call->spent = egress_spent_sum(&call->spent, &spent);
	warn(call, BUDGET_TURN, call->hold.turn);
	warn(call, BUDGET_THREAD, call->hold.thread);
	warn(call, BUDGET_DAY, egress_ledger_today(call->egress->ledger));
}

static int add_scope(const struct egress *egress, enum egress_budget_scope scope,
		     const struct egress_account *account, sd_json_variant **list)
{
	const struct egress_budget_limit *limit =
		egress_budget_limit_of(&egress->settings->budget, scope);

	if (!account)
		return 0;
	return sd_json_variant_append_arraybo(
		list, SD_JSON_BUILD_PAIR_STRING("scope", egress_budget_scope_name(scope)),
		SD_JSON_BUILD_PAIR_UNSIGNED("requests", account->spent.requests),
		SD_JSON_BUILD_PAIR_UNSIGNED("tokens", account->spent.tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("nanodollars", account->spent.nano),
		SD_JSON_BUILD_PAIR_UNSIGNED("requestsMax", limit->requests),
		SD_JSON_BUILD_PAIR_UNSIGNED("tokensMax", limit->tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("nanodollarsMax", limit->cents * PRICE_CENT_NANO),
		SD_JSON_BUILD_PAIR_UNSIGNED("heldRequests", account->held.requests),
		SD_JSON_BUILD_PAIR_UNSIGNED("heldTokens", account->held.tokens),
		SD_JSON_BUILD_PAIR_UNSIGNED("heldNanodollars", account->held.nano),
		SD_JSON_BUILD_PAIR_CONDITION(scope == BUDGET_TURN, "turn",
					     SD_JSON_BUILD_UNSIGNED(account->turn)),
		SD_JSON_BUILD_PAIR_CONDITION(
			scope == BUDGET_DAY, "endsUsec",
			SD_JSON_BUILD_UNSIGNED(egress_ledger_day_ends(egress->ledger) *
					       CLOCK_SECOND_US)));
}

static int reply_spending(sd_varlink *link, struct egress *egress, const char *thread,
			  uint64_t turn)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list = NULL;
	const struct provider_config *provider = egress->providers[0].config;
	const struct priced *priced = &egress->providers[0].priced;
	const struct egress_account *of_thread = egress_ledger_find(egress->ledger, thread, 0);
	int r = sd_json_variant_new_array(&list, NULL, 0);

	if (turn == 0 && of_thread)
		turn = of_thread->turn;
	if (r >= 0)
		r = add_scope(egress, BUDGET_DAY, egress_ledger_today(egress->ledger), &list);
	if (r >= 0)
		r = add_scope(egress, BUDGET_THREAD, of_thread, &list);
	if (r >= 0)
		r = add_scope(egress, BUDGET_TURN, egress_ledger_find(egress->ledger, NULL, turn),
			      &list);
	if (r < 0)
		return r;
	return sd_varlink_replybo(
		link, SD_JSON_BUILD_PAIR_VARIANT("spending", list),
		SD_JSON_BUILD_PAIR_OBJECT(
			"price",
			SD_JSON_BUILD_PAIR_STRING("provider", provider_row(provider)->name),
			SD_JSON_BUILD_PAIR_STRING(
				"model", provider_model(provider) ? provider_model(provider) : ""),
			SD_JSON_BUILD_PAIR_STRING("basis", price_basis_name(priced->basis)),
			SD_JSON_BUILD_PAIR_UNSIGNED("in", priced->price.in),
			SD_JSON_BUILD_PAIR_UNSIGNED("out", priced->price.out),
			SD_JSON_BUILD_PAIR_UNSIGNED("read", priced->price.read),
			SD_JSON_BUILD_PAIR_UNSIGNED("write", priced->price.write),
			SD_JSON_BUILD_PAIR_STRING("asOf", priced->as_of)));
}

int egress_on_spending(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	struct arguments {
		const char *thread;
		uint64_t turn;
	} arguments = { 0 };
	static const sd_json_dispatch_field fields[] = {
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct arguments, thread), SD_JSON_NULLABLE },
		{ "turn", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct arguments, turn), SD_JSON_NULLABLE },
		{ 0 },
	};

	(void)flags;
	if (sd_varlink_dispatch(link, parameters, fields, &arguments) != 0)
		return 0; /* answered already */
	return reply_spending(link, userdata, arguments.thread, arguments.turn);
}
