/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-provider - where the provider is and which headers it gets (L6). */
#include "l6-agent/egress-header.h"
#include "l6-agent/egress-redact.h"
#include "l6-agent/egress.h"
#include "l6-agent/provider-address.h"

#include <curl/curl.h>
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

static int make_list(const struct egress_settings *settings, bool stream, char *key_header,
		     struct curl_slist **ret, struct error *err)
{
	const char *accept = stream ? "text/event-stream, application/json" : "application/json";
	struct curl_slist *list = NULL;
	int r = egress_header_add(&list, "Content-Type", "application/json", true, err);

	if (r >= 0)
		r = egress_header_add(&list, "Accept", accept, true, err);
	if (r >= 0)
		r = egress_header_add(&list, "User-Agent", "clawos", true, err);
	if (r >= 0 && provider_row(&settings->provider)->protocol == PROTOCOL_ANTHROPIC)
		r = egress_header_add(&list, "anthropic-version", ANTHROPIC_VERSION, true, err);
	if (r >= 0)
		r = egress_header_add_text(&list, settings->provider.extra_headers, err);
	if (r >= 0)
		r = add_key(list, key_header, err);
	if (r < 0) {
		curl_slist_free_all(list);
		return r;
	}
	*ret = list;
	return 0;
}

static int parse_base(const struct egress_settings *settings, struct egress_url *ret,
		      struct error *err)
{
	const char *base = provider_base_url(&settings->provider);
	int r;

	if (!base)
		return FAIL(err, -EINVAL, "[provider] base_url is missing for backend %s",
			    provider_row(&settings->provider)->name);
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

int egress_provider_init(struct egress *egress, char *key_header, struct error *err)
{
	int r;

	if (provider_is_local(&egress->settings->provider))
		return 0;
	r = parse_base(egress->settings, &egress->provider, err);
	if (r < 0)
		return r;
	r = make_list(egress->settings, true, key_header, &egress->headers_stream, err);
	if (r >= 0)
		r = make_list(egress->settings, false, key_header, &egress->headers_whole, err);
	egress->has_key = r >= 0 && key_header;
	if (egress->has_key && strlen(key_of(key_header)) >= EGRESS_REDACT_BYTES_MIN &&
	    egress_key_new(key_of(key_header), &egress->key) < 0)
		r = FAIL(err, -ENOMEM, "out of memory");
	if (r < 0 && egress->headers_stream) {
		free_list(egress->headers_stream, key_header != NULL);
		egress->headers_stream = NULL;
	}
	return r;
}

void egress_provider_fini(struct egress *egress)
{
	free_list(egress->headers_stream, egress->has_key);
	free_list(egress->headers_whole, egress->has_key);
	egress_url_free(&egress->provider);
	egress_key_free(egress->key);
}
