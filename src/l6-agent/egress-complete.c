/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-complete - Complete: one request to the configured provider, with retries (L6). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/egress-limits.h"
#include "l6-agent/egress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	STATUS_ERROR_FIRST = 300,
	STATUS_NOT_IMPLEMENTED = 501,
	JITTER_PERCENT = 25,
	DOUBLINGS_MAX = 16,
};

static bool is_worth_retrying(int status)
{
	return status == 408 || status == 409 || status == 429 ||
	       (status >= 500 && status < 600 && status != STATUS_NOT_IMPLEMENTED);
}

/* Doubled with each attempt, give or take a quarter, so that many callers do not come back at once.
 */
static uint64_t back_off_us(const struct egress_call *call)
{
	unsigned doublings =
		call->attempts - 1 < DOUBLINGS_MAX ? call->attempts - 1 : DOUBLINGS_MAX;
	uint64_t base_us = (call->egress->settings->provider.retry_wait * CLOCK_MSEC_US)
			   << doublings;
	uint64_t spread_us = base_us * JITTER_PERCENT * 2 / 100;
	uint32_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		chance = 0; /* as good a jitter as any */
	return base_us - spread_us / 2 + (uint64_t)(((unsigned __int128)spread_us * chance) >> 32);
}

/* True when another attempt is allowed and its wait ends before the call has to. */
static bool may_retry(const struct egress_call *call, int64_t retry_after_ms, uint64_t *ret_wait_us)
{
	uint64_t wait_us = back_off_us(call);
	uint64_t passed_us = clock_monotonic_us() - call->started_us;

	if (call->attempts > call->egress->settings->provider.retries)
		return false;
	if (retry_after_ms > 0 && (uint64_t)retry_after_ms * CLOCK_MSEC_US > wait_us)
		wait_us = (uint64_t)retry_after_ms * CLOCK_MSEC_US;
	*ret_wait_us = wait_us;
	return passed_us < call->total_max_us && wait_us < call->total_max_us - passed_us;
}

static void on_head(const struct http_head *head, void *userdata)
{
	struct egress_call *call = userdata;

	egress_call_heard(call, head->status);
	if (is_worth_retrying(head->status) &&
	    may_retry(call, head->retry_after_ms, &call->retry_wait_us)) {
		call->discarding = true;
		return;
	}
	if (head->status >= STATUS_ERROR_FIRST)
		call->limit = EGRESS_ERROR_BYTES_MAX;
	egress_call_head(call, head);
}

static enum http_take on_body(const char *bytes, size_t length, void *userdata)
{
	struct egress_call *call = userdata;

	if (!call->discarding) {
		enum http_take take = egress_call_pass(call, bytes, length);

		if (take != HTTP_FULL) /* then the same piece comes again */
			egress_usage_add(&call->usage, bytes, length);
		return take;
	}
	call->discarded += length; /* read to its end, the connection can be used again */
	return call->discarded > EGRESS_ERROR_BYTES_MAX ? HTTP_STOP : HTTP_TAKEN;
}

static void end_failed(struct egress_call *call, const struct http_end *end)
{
	bool before_answer = end->failure == HTTP_RESOLVE || end->failure == HTTP_CONNECT ||
			     end->failure == HTTP_LOST;
	uint64_t wait_us;

	if (before_answer && !call->has_head && may_retry(call, -1, &wait_us))
		egress_call_retry_after(call, wait_us);
	else
		egress_call_fail(call, egress_failure_name(end->failure), end->reason);
}

/* Whether the provider may have seen the request. */
static bool has_reached(enum http_failure failure)
{
	return failure != HTTP_RESOLVE && failure != HTTP_REFUSED && failure != HTTP_CONNECT &&
	       failure != HTTP_TLS;
}

static void on_end(const struct http_end *end, void *userdata)
{
	struct egress_call *call = userdata;
	bool is_whole;

	call->transfer = NULL;
	call->connect_us = end->connect_us;
	call->first_byte_us = end->first_byte_us;
	/* of an error the front says enough, whether we cut it or the server */
	is_whole = end->failure == HTTP_OK ||
		   ((end->failure == HTTP_STOPPED || end->failure == HTTP_CUT) &&
		    !call->reader_gone && call->status >= STATUS_ERROR_FIRST);
	egress_spending_settle(call, has_reached(end->failure), end->failure == HTTP_OK);
	if (call->discarding)
		egress_call_retry_after(call, call->retry_wait_us);
	else if (is_whole)
		egress_call_done(call);
	else if (end->failure != HTTP_STOPPED)
		end_failed(call, end);
	else if (call->reader_gone)
		egress_call_reader_gone(call);
	else
		egress_call_fail(call, "too-large",
				 "the answer is longer than egress.answer_bytes");
}

static const struct http_sink sink = { on_head, on_body, on_end };

void egress_complete_attempt(struct egress_call *call)
{
	const struct egress_settings *settings = call->egress->settings;
	const struct http_options options = {
		.method = call->method,
		.url = call->url.url,
		.headers = call->stream ? call->provider->headers_stream
					: call->provider->headers_whole,
		.body = buf_string(&call->body),
		.length = call->body.length,
		.plain = strcmp(call->provider->url.scheme, "http") == 0,
		.codings = "identity", /* a stream comes at once then */
		.ca_file = settings->ca_file,
		.proxy = settings->proxy,
		.connect_ms = settings->provider.connect_timeout * 1000,
		.userdata = call,
	};

	if (!egress_spending_take(call))
		return;
	call->discarded = 0;
	egress_call_send(call, &options, &sink);
}

struct arguments {
	const char *path;
	uint64_t offset, length;
	bool stream;
	int64_t intent;
	const char *thread, *provider;
	uint64_t turn;
};

/* The key opens more than answers (files, accounts): claw-agentd gets those only. */
static bool is_path(const struct provider_config *provider, const char *path)
{
	bool anthropic = provider_row(provider)->protocol == PROTOCOL_ANTHROPIC;

	return strcmp(path, anthropic ? "/messages" : "/chat/completions") == 0;
}

/* The provider's URL with the path behind it. */
static int make_url(const struct egress_url *provider, const char *path, struct egress_url *ret)
{
	size_t base = strlen(provider->url), rest = strlen(path);

	while (base > 0 && provider->url[base - 1] == '/')
		base--;
	*ret = (struct egress_url){ .url = calloc(1, base + rest + 1),
				    .host = strdup(provider->host),
				    .port = provider->port };
	if (!ret->url || !ret->host)
		return -ENOMEM;
	memcpy(ret->url, provider->url, base);
	memcpy(ret->url + base, path, rest);
	return 0;
}

static void begin(struct egress_call *call, const struct arguments *arguments)
{
	const struct provider_config *config = &call->egress->settings->provider;
	struct error err = { 0 };

	call->method = "POST";
	call->intent = arguments->intent;
	call->stream = arguments->stream;
	call->limit = call->egress->settings->limits.answer_bytes;
	call->first_byte_max_us = config->first_byte_timeout * CLOCK_SECOND_US;
	call->idle_max_us = config->idle_timeout * CLOCK_SECOND_US;
	call->total_max_us = config->total_timeout * CLOCK_SECOND_US;
	if (make_url(&call->provider->url, arguments->path, &call->url) < 0) {
		egress_call_fail(call, "protocol", "out of memory");
	} else if (egress_spending_begin(call, arguments->thread, arguments->turn, &err) < 0) {
		(void)egress_invalid(call->link, err.text);
		egress_call_end(call, "InvalidArguments");
	} else if (egress_provider_admits(call)) {
		egress_complete_attempt(call);
	}
}

/* At its own address it would only answer that; another address may be a server of one's own. */
static bool lacks_key(const struct egress_provider *egress_provider)
{
	const struct provider_config *provider = egress_provider->config;

	return !egress_provider->secret && !provider->base_url && !provider->extra_headers &&
	       provider_needs_key(provider_row(provider));
}

static int refuse_without_key(sd_varlink *link, const struct provider_config *provider)
{
	char reason[256];

	(void)snprintf(reason, sizeof(reason), "%s needs a key: set %s",
		       provider_row(provider)->name, provider_row(provider)->key_variable);
	return sd_varlink_errorbo(link, "io.clawos.Egress.NotConfigured",
				  SD_JSON_BUILD_PAIR_STRING("reason", reason));
}

static struct egress_provider *find_provider(struct egress *egress, const char *name)
{
	int at = name ? provider_chain_find(&egress->chain, name) : 0;

	return at < 0 ? NULL : &egress->providers[at];
}

int egress_on_complete(sd_varlink *link, sd_json_variant *parameters,
		       sd_varlink_method_flags_t flags, void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "path", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct arguments, path), SD_JSON_MANDATORY },
		{ "offset", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct arguments, offset), SD_JSON_MANDATORY },
		{ "length", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct arguments, length), SD_JSON_MANDATORY },
		{ "stream", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool,
		  offsetof(struct arguments, stream), SD_JSON_MANDATORY },
		{ "intent", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_int64,
		  offsetof(struct arguments, intent), SD_JSON_MANDATORY },
		{ "thread", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct arguments, thread), SD_JSON_NULLABLE },
		{ "provider", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct arguments, provider), SD_JSON_NULLABLE },
		{ "turn", _SD_JSON_VARIANT_TYPE_INVALID, sd_json_dispatch_uint64,
		  offsetof(struct arguments, turn), SD_JSON_NULLABLE },
		{ 0 },
	};
	struct egress *egress = userdata;
	struct arguments arguments = { 0 };
	struct egress_provider *provider;
	struct egress_call *call = NULL;

	(void)flags; /* the interface table demands `more` */
	if (!egress_allows(link, egress->agent, "claw-agentd"))
		return 0;
	if (sd_varlink_dispatch(link, parameters, fields, &arguments) != 0)
		return 0; /* answered already */
	provider = find_provider(egress, arguments.provider);
	if (!provider)
		return egress_invalid(link, "no provider of that name is configured");
	if (!provider->url.url)
		return sd_varlink_errorbo(
			link, "io.clawos.Egress.NotConfigured",
			SD_JSON_BUILD_PAIR_STRING("reason", "no provider is configured; the local "
							    "model answers"));
	if (lacks_key(provider))
		return refuse_without_key(link, provider->config);
	if (!is_path(provider->config, arguments.path))
		return egress_invalid(link, "path is not where this provider answers");
	if (egress_call_new(egress, link, EGRESS_COMPLETE, arguments.offset, arguments.length,
			    &call) >= 0) {
		call->provider = provider;
		begin(call, &arguments);
	}
	return 0;
}
