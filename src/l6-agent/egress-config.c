/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-config.h"

#define LIMIT(name, text, low, high, words) \
	{ .section = "egress", \
	  .key = #name, \
	  .type = CONFIG_NUMBER, \
	  .offset = offsetof(struct egress_settings, limits.name), \
	  .fallback = (text), \
	  .min = (low), \
	  .max = (high), \
	  .help = (words) }

#define BUDGET(scope, unit, text, high, words) \
	{ .section = "budget", \
	  .key = #scope "_" #unit, \
	  .type = CONFIG_NUMBER, \
	  .offset = offsetof(struct egress_settings, budget.scope.unit), \
	  .fallback = (text), \
	  .min = 0, \
	  .max = (high), \
	  .help = (words) }

#define REQUESTS_MAX UINT64_C(1000000000)
#define TOKENS_MAX UINT64_C(1000000000000)
#define CENTS_MAX UINT64_C(100000000)

static const struct config_item items[] = {
	PROVIDER_CONFIG_ITEMS(offsetof(struct egress_settings, provider)),
	{ .section = "egress",
	  .key = "allow",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct egress_settings, allow),
	  .help = "Hosts tools may reach unasked: https://host,http://host:port; a private address "
		  "has to be listed here by number." },
	{ .section = "egress",
	  .key = "ca_file",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct egress_settings, ca_file),
	  .help = "File of certificate authorities to trust instead of the system's." },
	{ .section = "egress",
	  .key = "proxy",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct egress_settings, proxy),
	  .help = "Proxy for everything but loopback; it then resolves the names." },
	LIMIT(body_bytes, "16777216", 1, EGRESS_BODY_BYTES_MAX, "Bytes of one request."),
	LIMIT(answer_bytes, "33554432", 1, EGRESS_ANSWER_BYTES_MAX, "Bytes of one answer."),
	LIMIT(completes, "512", 1, 900, "Calls to the provider at once."),
	LIMIT(fetches, "64", 1, 100, "Requests of tools at once."),
	LIMIT(questions, "64", 1, EGRESS_QUESTIONS_MAX, "Questions that wait for the person."),
	LIMIT(question_seconds, "86400", 1, 604800,
	      "How long a question and its answer are valid."),
	LIMIT(rules, "1024", 1, EGRESS_RULES_MAX, "Rules of the person and of the configuration."),
	LIMIT(thread_seconds, "86400", 1, 604800, "How long an answer for one thread holds."),
	LIMIT(log_bytes, "4194304", 4096, 1073741824, "Bytes of requests.log; one former is kept."),
	BUDGET(day, requests, "1000000", REQUESTS_MAX, "Requests to providers in a day (UTC)."),
	BUDGET(day, tokens, "100000000", TOKENS_MAX, "Tokens of prompts and answers in a day."),
	BUDGET(day, cents, "2000", CENTS_MAX, "US cents in a day, by spec/tables/prices."),
	BUDGET(thread, requests, "1000000", REQUESTS_MAX, "The same for one thread, of all days."),
	BUDGET(thread, tokens, "100000000", TOKENS_MAX, "The same for one thread, of all days."),
	BUDGET(thread, cents, "2000", CENTS_MAX, "The same for one thread, of all days."),
	BUDGET(turn, requests, "2000", REQUESTS_MAX, "The same for one turn."),
	BUDGET(turn, tokens, "20000000", TOKENS_MAX, "The same for one turn."),
	BUDGET(turn, cents, "500", CENTS_MAX, "The same for one turn."),
	{ .section = "budget",
	  .key = "answer_tokens",
	  .type = CONFIG_NUMBER,
	  .offset = offsetof(struct egress_settings, budget.answer_tokens),
	  .fallback = "32768",
	  .min = 1,
	  .max = 10000000,
	  .help = "Tokens one answer may have, where neither the call nor the table of prices "
		  "says it." },
	{ .section = "budget",
	  .key = "price",
	  .type = CONFIG_STRING,
	  .offset = offsetof(struct egress_settings, budget.price),
	  .help = "Dollars for a million tokens, IN,OUT or IN,OUT,READ,WRITE, instead of the "
		  "table's." },
};

const struct config_table egress_config_table = { .items = items,
						  .n_items = sizeof(items) / sizeof(items[0]) };
