/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-url.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/number.h"
#include "l6-agent/egress-address.h"
#include "l6-agent/egress-limits.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

enum { PORT_MAX = 65535 };

DEFINE_CLEANUP(CURLU *, curl_url_cleanup)

static int check_bytes(const char *text, struct error *err)
{
	const char *slashes = strstr(text, "://");
	size_t length = strlen(text);

	if (length == 0 || length > EGRESS_URL_BYTES_MAX)
		return FAIL(err, -EINVAL, "a URL has 1 to %d bytes, this one %zu",
			    EGRESS_URL_BYTES_MAX, length);
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c == 0x7F)
			return FAIL(err, -EINVAL, "the URL holds a control character at byte %zu",
				    i + 1);
		if (c == '\\')
			return FAIL(err, -EINVAL, "the URL holds a backslash at byte %zu", i + 1);
	}
	if (!slashes || slashes[3] == '/') /* libcurl would guess */
		return FAIL(err, -EINVAL, "not a URL like https://host/path");
	return 0;
}

static int explain(CURLUcode code, struct error *err)
{
	if (code == CURLUE_OUT_OF_MEMORY)
		return FAIL(err, -ENOMEM, "out of memory");
	if (code == CURLUE_USER_NOT_ALLOWED)
		return FAIL(err, -EINVAL, "a URL may not hold a user name or password");
	return FAIL(err, -EINVAL, "not a URL like https://host/path: %s", curl_url_strerror(code));
}

/* Copies one part into the struct's own memory (libcurl's allocator has its own free). */
static int copy_part(CURLU *parsed, CURLUPart part, unsigned flags, char **ret, struct error *err)
{
	char *value = NULL;
	CURLUcode code = curl_url_get(parsed, part, &value, flags);

	if (code != CURLUE_OK)
		return explain(code, err);
	*ret = strdup(value);
	curl_free(value);
	return *ret ? 0 : FAIL(err, -ENOMEM, "out of memory");
}

/* "[2001:DB8:0::1]" in its one form, without the brackets. */
static int tidy_address(CURLU *parsed, struct egress_url *url, struct error *err)
{
	char text[EGRESS_ADDRESS_TEXT_BYTES], host[EGRESS_ADDRESS_TEXT_BYTES + 2];
	struct sockaddr_storage address;
	size_t n = strlen(url->host);

	url->host[n - 1] = '\0';
	if (!egress_address_parse(url->host + 1, &address))
		return FAIL(err, -EINVAL, "%s is no IPv6 address", url->host + 1);
	egress_address_text((const struct sockaddr *)&address, text);
	(void)snprintf(host, sizeof(host), "[%s]", text); /* fits by size */
	free(url->host);
	url->host = strdup(text);
	if (!url->host)
		return FAIL(err, -ENOMEM, "out of memory");
	return curl_url_set(parsed, CURLUPART_HOST, host, 0) == CURLUE_OK
		       ? 0
		       : FAIL(err, -EINVAL, "%s is no IPv6 address", text);
}

/* Lower case, no brackets, no trailing dot: "Example.org." and "example.org" are one host. */
static int tidy_host(CURLU *parsed, struct egress_url *url, struct error *err)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
	size_t n;

	assert(url->host);
	n = strlen(url->host);
	for (size_t i = 0; i < n; i++)
		if (url->host[i] >= 'A' && url->host[i] <= 'Z')
			url->host[i] = (char)(url->host[i] | 0x20);
	if (url->host[0] == '[')
		return tidy_address(parsed, url, err);
	if (n > 1 && url->host[n - 1] == '.')
		url->host[n - 1] = '\0';
	if (url->host[0] == '\0' || url->host[0] == '.' || strstr(url->host, "..") ||
	    strspn(url->host, alphabet) != strlen(url->host))
		return FAIL(err, -EINVAL, "\"%s\" is no host name", url->host);
	return curl_url_set(parsed, CURLUPART_HOST, url->host, 0) == CURLUE_OK
		       ? 0
		       : FAIL(err, -EINVAL, "\"%s\" is no host name", url->host);
}

static int take_parts(CURLU *parsed, struct egress_url *url, struct error *err)
{
	auto_free char *port = NULL, *path = NULL, *query = NULL;
	auto_buf struct buf whole = BUF(2 * EGRESS_URL_BYTES_MAX);
	char *zone = NULL;
	uint64_t number = 0;
	int r;

	r = copy_part(parsed, CURLUPART_SCHEME, 0, &url->scheme, err);
	if (r < 0)
		return r;
	assert(url->scheme);
	if (strcmp(url->scheme, "https") != 0 && strcmp(url->scheme, "http") != 0)
		return FAIL(err, -EINVAL, "only https:// and http:// are possible, not %s://",
			    url->scheme);
	if (curl_url_get(parsed, CURLUPART_ZONEID, &zone, 0) == CURLUE_OK) {
		curl_free(zone);
		return FAIL(err, -EINVAL, "an address in a URL may not name an interface");
	}
	r = copy_part(parsed, CURLUPART_HOST, 0, &url->host, err);
	if (r >= 0)
		r = tidy_host(parsed, url, err);
	if (r >= 0)
		r = copy_part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT, &port, err);
	if (r < 0)
		return r;
	if (number_parse_u64(port, 1, PORT_MAX, &number) < 0)
		return FAIL(err, -EINVAL, "port %s is outside 1 to %d", port, PORT_MAX);
	url->port = (unsigned)number;
	r = copy_part(parsed, CURLUPART_PATH, 0, &path, err);
	if (r < 0)
		return r;
	(void)copy_part(parsed, CURLUPART_QUERY, 0, &query, NULL); /* there may be none */
	r = query ? buf_printf(&whole, "%s?%s", path, query) : buf_add_string(&whole, path);
	if (r < 0)
		return FAIL(err, r, "the URL cannot be kept: %s", strerror(-r));
	url->path = buf_take(&whole);
	return copy_part(parsed, CURLUPART_URL, CURLU_NO_DEFAULT_PORT, &url->url, err);
}

/* Blanks and bytes that are not ASCII are escaped behind the host. In it the latter are -EILSEQ:
 * what looks alike must not be taken for the same, and the ASCII form shows the difference. */
static int escape(const char *text, struct buf *ret)
{
	const char *behind_host = strstr(text, "://") + 3;
	int r;

	behind_host += strcspn(behind_host, "/?#");
	for (const char *c = text; c < behind_host; c++)
		if ((unsigned char)*c >= 0x80)
			return -EILSEQ;
	r = buf_add(ret, text, (size_t)(behind_host - text));
	for (; *behind_host && r >= 0; behind_host++) {
		unsigned char c = (unsigned char)*behind_host;

		r = c > ' ' && c < 0x80 ? buf_add_char(ret, *behind_host)
					: buf_printf(ret, "%%%02X", c);
	}
	return r;
}

static int parse_once(const char *text, struct egress_url *url, struct error *err)
{
	const unsigned flags = CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME;
	CLEANUP(curl_url_cleanup_ptr) CURLU *parsed = curl_url();
	CURLUcode code;

	if (!parsed)
		return FAIL(err, -ENOMEM, "out of memory");
	code = curl_url_set(parsed, CURLUPART_URL, text, flags);
	if (code == CURLUE_OK)
		code = curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0);
	return code == CURLUE_OK ? take_parts(parsed, url, err) : explain(code, err);
}

/* What is judged has to be what libcurl reads when it sends: "1.2.3." without its dot would be an
 * address, "1.2.3." is none. */
static int check_fixed(const struct egress_url *url, struct error *err)
{
	auto_egress_url struct egress_url again = { 0 };
	int r = parse_once(url->url, &again, err);

	if (r >= 0 && (strcmp(again.url, url->url) != 0 || strcmp(again.host, url->host) != 0 ||
		       again.port != url->port))
		return FAIL(err, -EINVAL, "the URL can be read in two ways");
	return r;
}

int egress_url_parse(const char *text, struct egress_url *ret, struct error *err)
{
	auto_egress_url struct egress_url url = { 0 };
	auto_buf struct buf escaped = BUF(EGRESS_URL_BYTES_MAX);
	int r = check_bytes(text, err);

	if (r < 0)
		return r;
	r = escape(text, &escaped);
	if (r == -EILSEQ)
		return FAIL(err, -EINVAL, "a host name is written in ASCII (its xn-- form)");
	if (r == -EMSGSIZE)
		return FAIL(err, -EINVAL, "the URL is longer than %d bytes", EGRESS_URL_BYTES_MAX);
	if (r < 0)
		return FAIL(err, r, "the URL cannot be kept: %s", strerror(-r));
	r = parse_once(escaped.data, &url, err);
	if (r >= 0)
		r = check_fixed(&url, err);
	if (r < 0)
		return r;
	*ret = url;
	url = (struct egress_url){ 0 };
	return 0;
}

void egress_url_free(struct egress_url *url)
{
	free(url->url);
	free(url->scheme);
	free(url->host);
	free(url->path);
	*url = (struct egress_url){ 0 };
}
