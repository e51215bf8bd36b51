/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/cost-report.h"

#include "base/clock.h"
#include "l7-shell/link.h"
#include "l7-shell/report.h"

#include <stdio.h>
#include <string.h>

enum {
	NAME_COLUMNS = 10,
	NUMBER_COLUMNS = 13,
	LIMIT_COLUMNS = 16,
	CELL_BYTES = 48,
	NANO_PER_CENT = 10000000,
	MICRO_PER_DOLLAR = 1000000,
	MICRO_PER_CENT = 10000,
	MINUTE = 60,
	HOUR = 3600,
};

void cost_money(uint64_t nanodollars, char ret[static COST_MONEY_BYTES])
{
	unsigned long long cents = nanodollars / NANO_PER_CENT;

	if (cents == 0 && nanodollars > 0)
		(void)snprintf(ret, COST_MONEY_BYTES, "$0.%06llu",
			       (unsigned long long)nanodollars / 1000);
	else
		(void)snprintf(ret, COST_MONEY_BYTES, "$%llu.%02llu", cents / 100, cents % 100);
}

static uint64_t number(sd_json_variant *object, const char *key)
{
	int64_t value = link_integer(object, key);

	return value > 0 ? (uint64_t)value : 0;
}

/* "12 of 1000000", the limit dim. */
static void figure(struct screen *out, sd_json_variant *row, const char *key, const char *max_key,
		   bool is_money)
{
	uint64_t used = number(row, key), max = number(row, max_key);
	char text[CELL_BYTES], limit[CELL_BYTES];
	char money[COST_MONEY_BYTES], most[COST_MONEY_BYTES];
	unsigned style = max > 0 && used >= max - max / 5 ? STYLE_ASK : STYLE_PLAIN;

	cost_money(used, money);
	cost_money(max, most);
	if (is_money) {
		(void)snprintf(text, sizeof(text), "%s", money);
		(void)snprintf(limit, sizeof(limit), " of %s", most);
	} else {
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)used);
		(void)snprintf(limit, sizeof(limit), " of %llu", (unsigned long long)max);
	}
	report_right(out, style, text, NUMBER_COLUMNS);
	report_cell(out, STYLE_DIM, limit, LIMIT_COLUMNS);
}

static void say_end(struct screen *out, uint64_t ends_us)
{
	uint64_t now_us = clock_realtime_us();
	unsigned long long left_s = ends_us > now_us ? (ends_us - now_us) / CLOCK_SECOND_US : 0;

	screen_own(out, STYLE_DIM, "  anew in %llu h %llu min (00:00 UTC)", left_s / HOUR,
		   left_s % HOUR / MINUTE);
}

static void print_row(struct screen *out, sd_json_variant *row)
{
	const char *scope = link_string(row, "scope");
	char name[CELL_BYTES];

	if (strcmp(scope, "day") == 0)
		(void)snprintf(name, sizeof(name), "today");
	else if (strcmp(scope, "turn") == 0)
		(void)snprintf(name, sizeof(name), "turn %llu",
			       (unsigned long long)number(row, "turn"));
	else
		(void)snprintf(name, sizeof(name), "%s", scope);
	report_cell(out, STYLE_BOLD, name, NAME_COLUMNS);
	figure(out, row, "requests", "requestsMax", false);
	figure(out, row, "tokens", "tokensMax", false);
	figure(out, row, "nanodollars", "nanodollarsMax", true);
	if (number(row, "endsUsec") > 0)
		say_end(out, number(row, "endsUsec"));
	screen_own(out, STYLE_PLAIN, "\n");
}

static void dollars(uint64_t micro, char ret[static COST_MONEY_BYTES])
{
	unsigned long long whole = micro / MICRO_PER_DOLLAR, part = micro % MICRO_PER_DOLLAR;

	if (part % MICRO_PER_CENT == 0)
		(void)snprintf(ret, COST_MONEY_BYTES, "$%llu.%02llu", whole, part / MICRO_PER_CENT);
	else
		(void)snprintf(ret, COST_MONEY_BYTES, "$%llu.%06llu", whole, part);
}

static void print_price(struct screen *out, sd_json_variant *price)
{
	const char *basis = link_string(price, "basis");
	char in[COST_MONEY_BYTES], answer[COST_MONEY_BYTES];

	if (strcmp(link_string(price, "provider"), "local") == 0) {
		screen_own(out, STYLE_DIM, "the local model answers: it costs nothing\n");
		return;
	}
	screen_own(out, STYLE_DIM, "price of ");
	screen_foreign(out, STYLE_DIM, link_string(price, "provider"), 0);
	screen_own(out, STYLE_DIM, " ");
	screen_foreign(out, STYLE_DIM, link_string(price, "model"), 0);
	if (strcmp(basis, "unknown") == 0) {
		screen_own(out, STYLE_ASK,
			   ": not known, money is not counted; [budget] price in clawos.conf tells "
			   "it\n");
		return;
	}
	dollars(number(price, "in"), in);
	dollars(number(price, "out"), answer);
	screen_own(out, STYLE_DIM, ": %s in, %s out for a million tokens", in, answer);
	if (strcmp(basis, "dearest") == 0)
		screen_own(out, STYLE_ASK, " (the model has no line: the provider's dearest)");
	else if (strcmp(basis, "set") == 0)
		screen_own(out, STYLE_DIM, " ([budget] price)");
	else
		screen_own(out, STYLE_DIM, " (list of %s)", link_string(price, "asOf"));
	screen_own(out, STYLE_PLAIN, "\n");
}

int cost_report(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	struct screen *out = &shell->out;
	sd_json_variant *rows;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", shell->thread));

	(void)args;
	if (r < 0)
		return FAIL(err, r, "cost: %s", strerror(-r));
	r = link_ask(shell->run_fd, "egress", "io.clawos.Egress.Spending", parameters, &reply, err);
	if (r < 0)
		return r;
	if (shell->options->json)
		return report_json(shell, reply, err);
	rows = link_field(reply, "spending");
	screen_own(out, STYLE_DIM, "%-*s%*s%-*s%*s%-*s%*s\n", NAME_COLUMNS, "", NUMBER_COLUMNS,
		   "requests", LIMIT_COLUMNS, "", NUMBER_COLUMNS, "tokens", LIMIT_COLUMNS, "",
		   NUMBER_COLUMNS, "money");
	for (size_t i = 0; rows && i < sd_json_variant_elements(rows); i++)
		print_row(out, sd_json_variant_by_index(rows, i));
	print_price(out, link_field(reply, "price"));
	return 0;
}
