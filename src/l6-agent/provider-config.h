/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * provider-config - the rows of [provider], one table for claw-egressd and claw-agentd (L6).
 *
 * Both daemons are given the section; each puts PROVIDER_CONFIG_ITEMS into its own table. Errors in
 * it stop both the same way.
 *
 * Units      Times are seconds, retry_wait is milliseconds.
 * Source     spec/providers.md, spec/tables/providers.
 */
#pragma once

#include "base/config.h"

enum provider_protocol {
	PROTOCOL_LOCAL,     /* claw-llmd; nothing leaves the machine */
	PROTOCOL_OPENAI,    /* chat completions */
	PROTOCOL_ANTHROPIC, /* messages */
};

enum provider_key_header { KEY_BEARER, KEY_X_API_KEY };

enum provider_quirk {
	PROVIDER_NO_STREAM_OPTIONS = 1 << 0, /* refuses stream_options */
	PROVIDER_REASONING_BACK = 1 << 1,    /* wants its thinking back beside the calls it made */
};

/* A line of spec/tables/providers; what is not known or has to be given is NULL or 0. */
struct provider_row {
	const char *name;
	enum provider_protocol protocol;
	const char *base_url;
	const char *key_variable;
	enum provider_key_header key_header;
	const char *model;
	uint64_t window;              /* tokens */
	uint64_t price_in, price_out; /* millionths of a dollar for a million tokens; UINT64_MAX */
	unsigned quirks;              /* enum provider_quirk */
};

extern const struct provider_row provider_table[];
extern const size_t provider_count;

struct provider_config {
	unsigned backend; /* line of provider_table; the local model is the first */
	char *base_url;   /* NULL: the provider's own, provider_base_url() */
	char *model;      /* NULL: the provider's default, provider_model() */
	char *key_file;   /* NULL: the inherited descriptor, or no key */
	char *extra_headers;
	char *cheap;    /* which of them is asked first for what can wait; NULL: none */
	char *fallback; /* further providers, provider-chain.h; NULL: none */
	bool stream;
	uint64_t max_tokens; /* of one answer; 0: the protocol's default */
	uint64_t connect_timeout, first_byte_timeout, idle_timeout, total_timeout;
	uint64_t retries, retry_wait;
	uint64_t breaker_failures, breaker_wait;
};

extern const char *const provider_backends[]; /* the names, NULL at the end */

const struct provider_row *provider_row(const struct provider_config *config);

/* False for a server of one's own: it may have a key, and most have none. */
bool provider_needs_key(const struct provider_row *row);

bool provider_is_local(const struct provider_config *config);

/* What stands in front of the key in its header line. */
const char *provider_key_prefix(const struct provider_config *config);

/* The base URL in force; NULL when none is set and the provider has none. Borrowed. */
const char *provider_base_url(const struct provider_config *config);

/* The model in force; NULL when none is named. Borrowed. */
const char *provider_model(const struct provider_config *config);

/* The rows for a table whose target holds a struct provider_config at base + offsetof. */
#define PROVIDER_ITEM(at, kind, name, text, low, high, words) \
	{ .section = "provider", \
	  .key = #name, \
	  .type = (kind), \
	  .offset = (at) + offsetof(struct provider_config, name), \
	  .fallback = (text), \
	  .min = (low), \
	  .max = (high), \
	  .help = (words) }
/* clang-format off */
#define PROVIDER_CONFIG_ITEMS(at) \
	{ .section = "provider", .key = "backend", .type = CONFIG_CHOICE, .offset = (at) + \
	  offsetof(struct provider_config, backend), .fallback = "local", .choices = provider_backends, \
	  .help = "Who answers: a name of spec/tables/providers." }, \
	PROVIDER_ITEM(at, CONFIG_STRING, base_url, NULL, 0, 0, "Base URL, up to and with its version."), \
	PROVIDER_ITEM(at, CONFIG_STRING, model, NULL, 0, 0, "Model name sent to the provider."), \
	PROVIDER_ITEM(at, CONFIG_STRING, key_file, NULL, 0, 0, "File that holds the key, one line."), \
	PROVIDER_ITEM(at, CONFIG_STRING, extra_headers, NULL, 0, 0, "Headers for each request: Name:value,Name:value."), \
	PROVIDER_ITEM(at, CONFIG_BOOL, stream, "yes", 0, 0, "Ask for answers as a stream."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, max_tokens, "0", 0, 1000000, "Tokens of one answer; 0: the protocol's default."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, connect_timeout, "10", 1, 300, "Seconds to connect, TLS included."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, first_byte_timeout, "120", 1, 3600, "Seconds until the answer begins."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, idle_timeout, "60", 1, 3600, "Seconds without a byte once it began."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, total_timeout, "600", 1, 86400, "Seconds for a call, all attempts together."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, retries, "3", 0, 10, "Attempts after the first that failed."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, retry_wait, "500", 1, 60000, "Milliseconds before the first retry, then doubled."), \
	PROVIDER_ITEM(at, CONFIG_STRING, fallback, NULL, 0, 0, "Who is asked when it fails: NAME [MODEL [BASE_URL]], NAME ..."), \
	PROVIDER_ITEM(at, CONFIG_STRING, cheap, NULL, 0, 0, "Which of them is asked first for routine and background work: a name."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, breaker_failures, "5", 1, 1000, "Failures in a row after which a provider is passed over."), \
	PROVIDER_ITEM(at, CONFIG_NUMBER, breaker_wait, "30", 1, 86400, "Seconds it is passed over for.")
/* clang-format on */
