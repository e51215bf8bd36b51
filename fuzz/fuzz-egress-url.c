/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   egress_url_parse() and egress_header_add_text(), what a tool or a person wrote.
 * Property an accepted URL is ASCII without blanks, begins with its scheme and host, and reads as
 *          itself again; what is an address of a provider is accepted; an accepted header is one
 *          line.
 * Corpus   fuzz/corpus/egress-url/
 */
#include "base/buf.h"
#include "l6-agent/egress-header.h"
#include "l6-agent/egress-url.h"
#include "l6-agent/provider-address.h"

#include <curl/curl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_url(const struct egress_url *url)
{
	auto_egress_url struct egress_url again = { 0 };
	auto_buf struct buf front = BUF(1 << 16);
	const char *colon = strchr(url->host, ':');

	if (buf_printf(&front, colon ? "%s://[%s]" : "%s://%s", url->scheme, url->host) < 0 ||
	    strncmp(url->url, front.data, front.length) != 0 ||
	    !strchr(":/", url->url[front.length]))
		abort();
	for (const char *c = url->url; *c; c++)
		if (*c <= ' ' || *c >= 0x7F)
			abort();
	if (egress_url_parse(url->url, &again, NULL) < 0 || strcmp(again.url, url->url) != 0 ||
	    strcmp(again.host, url->host) != 0 || again.port != url->port)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_free char *text = calloc(1, size + 1);
	auto_egress_url struct egress_url url = { 0 };
	struct curl_slist *list = NULL;

	if (!text)
		return 0;
	memcpy(text, data, size);
	if (egress_url_parse(text, &url, NULL) >= 0)
		check_url(&url);
	else if (provider_address_check(text, NULL) == 0)
		abort();
	if (egress_header_add_text(&list, text, NULL) >= 0)
		for (const struct curl_slist *at = list; at; at = at->next)
			if (strpbrk(at->data, "\r\n") || !strpbrk(at->data, ":;"))
				abort();
	curl_slist_free_all(list);
	return 0;
}
