/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/url-join.h"

#include <ctype.h>
#include <string.h>

/* "https://host:port", or 0 when there is none. */
static size_t origin_length(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : 0;
}

static bool has_scheme(const char *url)
{
	size_t n = 0;

	while (isalnum((unsigned char)url[n]) || (n > 0 && strchr("+-.", url[n]) && url[n]))
		n++;
	return n > 0 && isalpha((unsigned char)url[0]) && url[n] == ':';
}

/* How much of base stands in front of a location that has neither scheme nor host. */
static size_t kept_length(const char *base, const char *location)
{
	size_t origin = origin_length(base), path = origin + strcspn(base + origin, "?#");
	size_t directory = path;

	switch (*location) {
	case '/':
		return origin;
	case '?':
		return path;
	case '#':
	case '\0':
		return origin + strcspn(base + origin, "#");
	default:
		break;
	}
	while (directory > origin && base[directory - 1] != '/')
		directory--;
	return directory;
}

int url_join(const char *base, const char *location, struct buf *out)
{
	size_t kept;
	int r;

	if (has_scheme(location))
		return buf_add_string(out, location);
	if (strncmp(location, "//", 2) == 0)
		r = buf_add(out, base, strcspn(base, "/"));
	else {
		kept = kept_length(base, location);
		r = buf_add(out, base, kept);
		if (r >= 0 && kept == origin_length(base) && !strchr("/?#", *location))
			r = buf_add_char(out, '/');
	}
	return r < 0 ? r : buf_add_string(out, location);
}

bool url_is_same_origin(const char *a, const char *b)
{
	size_t n = origin_length(a);

	return n > 0 && n == origin_length(b) && strncasecmp(a, b, n) == 0;
}
