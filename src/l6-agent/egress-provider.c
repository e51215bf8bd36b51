/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-provider - where the provider is and which headers it gets (L6). */
#include "base/clock.h"
#include "base/secret.h"
#include "l6-agent/egress-header.h"
#include "l6-agent/egress-redact.h"
#include "l6-agent/egress.h"
#include "l6-agent/provider-address.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The form of the protocol that anthropic.c writes. */
#define ANTHROPIC_VERSION "2023-06-01"

/*
 * The list's last node points at the secret itself: libcurl does not copy header lists, so the key
 * exists once. The node is taken off again before the list is freed.
 */
static int add_key(struct curl_slist *list, char *key_header, struct error *err)
{
	struct curl_slist *node;

	if (!key_header)
		return 0;
	node = calloc(1, sizeof(*node));
	if (!node)
		return FAIL(err, -ENOMEM, "out of memory");
	node->data = key_header;
	while (list->next)
		list = list->next;
	list->next = node;
	return 0;
}

static void free_list(struct curl_slist *list, bool has_key)
{
	struct curl_slist *last = list;

	if (has_key && list) {
		while (last->next && last->next->next)
			last = last->next;
		free(last->next);
		last->next = NULL;
	}
	curl_slist_free_all(list);
}

static int make_list(const struct provider_config *config, bool stream, char *key_header,
		     struct curl_slist **ret, struct error *err)
{
	const char *accept = stream ? "text/event-stream, application/json" : "application/json";
	struct curl_slist *list = NULL;
	int r = egress_header_add(&list, "Content-Type", "application/json", true, err);

	if (r >= 0)
		r = egress_header_add(&list, "Accept", accept, true, err);
	if (r >= 0)
		r = egress_header_add(&list, "User-Agent", "clawos", true, err);
	if (r >= 0 && provider_row(config)->protocol == PROTOCOL_ANTHROPIC)
		r = egress_header_add(&list, "anthropic-version", ANTHROPIC_VERSION, true, err);
	if (r >= 0)
		r = egress_header_add_text(&list, config->extra_headers, err);
	if (r >= 0)
		r = add_key(list, key_header, err);
	if (r < 0) {
		curl_slist_free_all(list);
		return r;
	}
	*ret = list;
	return 0;
}

static int parse_base(const struct provider_config *config, struct egress_url *ret,
		      struct error *err)
{
	const char *base = provider_base_url(config);
	int r;

	if (!base)
		return FAIL(err, -EINVAL, "[provider] base_url is missing for backend %s",
			    provider_row(config)->name);
	r = provider_address_check(base, err);
	if (r >= 0)
		r = egress_url_parse(base, ret, err);
	if (r < 0)
		(void)error_prefix(err, "[provider] base_url");
	return r;
}

/* The last word of the header line: a key has no blanks. */
static const char *key_of(const char *key_header)
{
	const char *blank = strrchr(key_header, ' ');

	return blank ? blank + 1 : key_header;
}

static int find_price(const struct egress *egress, struct egress_provider *provider,
		      struct error *err)
{
	const struct provider_config *config = provider->config;
	const char *set = egress->settings->budget.price;
	int r;

	price_find(provider_row(config)->name, provider_model(config), &provider->priced);
	if (!set || provider != egress->providers) /* it is the first one's */
		return 0;
	provider->priced.basis = PRICE_SET;
	provider->priced.as_of = "";
	r = price_parse(set, &provider->priced.price, err);
	if (r < 0)
		(void)error_prefix(err, "[budget] price");
	return r;
}

int egress_provider_init(struct egress *egress, unsigned n, struct secret *secret,
			 struct error *err)
{
	struct egress_provider *provider = &egress->providers[n];
	const struct provider_config *config = &egress->chain.list[n];
	char *key_header = secret ? secret_expose(secret) : NULL;
	int r;

	provider->config = config;
	provider->secret = secret;
	r = find_price(egress, provider, err);
	if (r < 0 || provider_is_local(config))
		return r;
	r = parse_base(config, &provider->url, err);
	if (r < 0)
		return r;
	r = make_list(config, true, key_header, &provider->headers_stream, err);
	if (r >= 0)
		r = make_list(config, false, key_header, &provider->headers_whole, err);
	if (r >= 0 && key_header && strlen(key_of(key_header)) >= EGRESS_REDACT_BYTES_MIN &&
	    egress_key_new(key_of(key_header), &provider->key) < 0)
		r = FAIL(err, -ENOMEM, "out of memory");
	return r;
}

static uint64_t wait_us(const struct egress_provider *provider)
{
	return provider->config->breaker_wait * CLOCK_SECOND_US;
}

bool egress_provider_admits(struct egress_call *call)
{
	struct egress_provider *provider = call->provider;
	uint64_t now_us = clock_monotonic_us();
	char reason[ERROR_TEXT_BYTES];

	if (egress_breaker_admits(&provider->breaker, now_us, wait_us(provider), &call->is_probe) ||
	    call->egress->chain.n == 1)
		return true;
	(void)snprintf(reason, sizeof(reason),
		       "%s failed %llu times in a row and is passed over for %llu s",
		       provider_row(provider->config)->name,
		       (unsigned long long)provider->breaker.failures,
		       (unsigned long long)provider->config->breaker_wait);
	egress_call_fail(call, "open", reason);
	return false;
}

/* Its word is that it cannot answer now; a request that is wrong says nothing about it. */
static bool is_failure(int status)
{
	return status == 401 || status == 402 || status == 403 || status == 408 || status == 429 ||
	       status >= 500;
}

/* What says nothing about the provider: it was not asked, or nobody waited for its answer. */
static bool says_nothing(const char *result)
{
	static const char *const words[] = {
		"open",   "cancelled",      "stopped",         "reader",
		"budget", "BudgetExceeded", "InvalidArguments"
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], result) == 0)
			return true;
	return false;
}

void egress_provider_ended(struct egress_call *call, const char *result)
{
	struct egress_breaker *breaker = &call->provider->breaker;

	if (says_nothing(result)) {
		if (call->is_probe)
			egress_breaker_abandoned(breaker);
	} else if (strcmp(result, "ok") == 0 && !is_failure(call->status)) {
		egress_breaker_succeeded(breaker);
	} else {
		egress_breaker_failed(breaker, clock_monotonic_us(),
				      call->provider->config->breaker_failures);
	}
}

void egress_provider_fini(struct egress *egress)
{
	for (unsigned i = 0; i < PROVIDER_CHAIN_MAX; i++) {
		struct egress_provider *provider = &egress->providers[i];

		free_list(provider->headers_stream, provider->secret != NULL);
		free_list(provider->headers_whole, provider->secret != NULL);
		egress_url_free(&provider->url);
		egress_key_free(provider->key);
		secret_free(provider->secret);
	}
	provider_chain_free(&egress->chain);
}
