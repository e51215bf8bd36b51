/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-header.h"

#include "base/buf.h"
#include "l6-agent/egress-limits.h"

#include <curl/curl.h>
#include <string.h>

/* A row that ends in '-' stands for every name that begins so. */
static const char *const own[] = {
	"Host",    "Connection", "Keep-Alive", "Transfer-Encoding", "Content-Length", "TE",
	"Trailer", "Upgrade",    "Expect",     "Accept-Encoding",   "Proxy-",
};

static bool is_own(const char *name)
{
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		size_t n = strlen(own[i]);
		bool prefix = own[i][n - 1] == '-';

		if (strncasecmp(own[i], name, n) == 0 && (prefix || name[n] == '\0'))
			return true;
	}
	return false;
}

static bool is_name(const char *name)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	return *name && strspn(name, token) == strlen(name);
}

static bool is_value(const char *value)
{
	for (; *value; value++)
		if (((unsigned char)*value < ' ' && *value != '\t') || *value == 0x7F)
			return false;
	return true;
}

int egress_header_add(struct curl_slist **list, const char *name, const char *value,
		      bool refuse_own, struct error *err)
{
	auto_buf struct buf line = BUF(EGRESS_HEADER_BYTES_MAX);
	struct curl_slist *grown;
	int r;

	if (!is_name(name))
		return FAIL(err, -EINVAL, "\"%.40s\" is no header name",
			    is_value(name) ? name : "?");
	if (!is_value(value))
		return FAIL(err, -EINVAL, "the value of header %.40s holds a control character",
			    name);
	if (is_own(name))
		return refuse_own ? FAIL(err, -EINVAL, "header %.40s cannot be set", name) : 0;
	/* libcurl: "Name:" would remove a header, "Name;" sends it empty */
	r = *value ? buf_printf(&line, "%s: %s", name, value) : buf_printf(&line, "%s;", name);
	if (r < 0)
		return FAIL(err, r, "header %.40s is longer than %d bytes", name,
			    EGRESS_HEADER_BYTES_MAX);
	grown = curl_slist_append(*list, line.data);
	if (!grown)
		return FAIL(err, -ENOMEM, "out of memory");
	*list = grown;
	return 0;
}

static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t");
	end = text + strlen(text);
	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return text;
}

static int add_one(struct curl_slist **list, char *text, struct error *err)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return FAIL(err, -EINVAL, "extra_headers is written Name:value,Name:value");
	*colon = '\0';
	return egress_header_add(list, trim(text), trim(colon + 1), true, err);
}

int egress_header_add_text(struct curl_slist **list, const char *text, struct error *err)
{
	while (text && *text) {
		size_t n = strcspn(text, ",");
		auto_free char *one = strndup(text, n);
		int r = one ? add_one(list, one, err) : FAIL(err, -ENOMEM, "out of memory");

		if (r < 0)
			return r;
		text += n + (text[n] == ',');
	}
	return 0;
}
