/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/provider-address.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { PORT_MAX = 65535, PORT_DIGITS_MAX = 5 };

static const char *behind_scheme(const char *text)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strncasecmp(text, schemes[i], strlen(schemes[i])) == 0)
			return text + strlen(schemes[i]);
	return NULL;
}

static bool is_plain(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\\?#@", text[i]))
			return false;
	return length <= PROVIDER_ADDRESS_BYTES_MAX;
}

/* Labels with a dot between each two. */
static bool is_name(const char *host, size_t length)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

	if (length == 0 || strspn(host, alphabet) < length || host[length - 1] == '.')
		return false;
	for (size_t i = 0; i < length; i++)
		if (host[i] == '.' && (i == 0 || host[i - 1] == '.'))
			return false;
	return true;
}

static bool is_bracketed(const char *host, size_t length)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;

	if (length < 2 || length - 2 >= sizeof(text) || host[length - 1] != ']')
		return false;
	memcpy(text, host + 1, length - 2);
	text[length - 2] = '\0';
	return inet_pton(AF_INET6, text, &address) == 1;
}

/* The port behind a host, up to the path. */
static bool is_port(const char *text, size_t length)
{
	char digits[PORT_DIGITS_MAX + 1] = "";
	uint64_t port;

	if (length == 0 || length > PORT_DIGITS_MAX)
		return false;
	memcpy(digits, text, length);
	return number_parse_u64(digits, 1, PORT_MAX, &port) == 0;
}

/* What is wrong; NULL: nothing. */
static const char *problem(const char *text)
{
	const char *host = behind_scheme(text);
	size_t whole, length;

	if (!host)
		return "it does not begin with http:// or https://";
	if (!is_plain(text))
		return "it has a user, a query, a fragment, a blank or another character that it "
		       "may not have, or is too long";
	whole = strcspn(host, "/");
	length = *host == '[' ? strcspn(host, "]/") + 1 : strcspn(host, ":/");
	if (length > whole)
		return "it has no host";
	if (*host == '[' ? !is_bracketed(host, length) : !is_name(host, length))
		return length == 0 ? "it has no host" : "its host is neither a name nor an address";
	if (length < whole &&
	    (host[length] != ':' || !is_port(host + length + 1, whole - length - 1)))
		return "its port is not a number from 1 to 65535";
	return NULL;
}

int provider_address_check(const char *text, struct error *err)
{
	const char *what = problem(text);

	if (!what)
		return 0;
	if (strchr(text, '@')) /* a password would be shown */
		return FAIL(err, -EINVAL,
			    "the address of the provider may not hold a user or password; it is "
			    "like https://HOST[:PORT]/v1");
	return FAIL(err, -EINVAL,
		    "\"%.100s\" is no address of a provider: %s; one is like "
		    "https://HOST[:PORT]/v1",
		    text, what);
}
