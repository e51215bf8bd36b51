/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-rule.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "l6-agent/egress-url.h"

#include <ctype.h>
#include <string.h>

enum { PROPOSED_BYTES_MAX = 256 };

const char *const egress_methods[] = { "GET", "POST", "PUT", "DELETE", "PATCH", NULL };

/* What one argument says enough about a call to be a rule of its own. */
static const char *const telling[] = { "command", "path", "target", "pattern", "query" };

void egress_rule_free(struct egress_rule *rule)
{
	free(rule->tool);
	free(rule->scheme);
	free(rule->host);
	free(rule->argument);
	free(rule->pattern);
	free(rule->thread);
	free(rule->text);
	*rule = (struct egress_rule){ 0 };
}

static bool holds_control(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return true;
	return false;
}

/* A "*" of a rule that allows stands for nothing that begins another command, leaves a folder or
 * cannot be seen. */
static bool is_tame(const struct egress_rule *rule, const char *run, size_t length)
{
	if (rule->verdict != TOOL_ALLOW)
		return true;
	if (holds_control(run, length))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (strcmp(rule->argument, "command") == 0 && strchr(";&|<>`$(){}\\", run[i]))
			return false;
		if (run[i] == '.' && i + 1 < length && run[i + 1] == '.')
			return false;
	}
	return true;
}

/* Backtracks to the last star only, so the work is bounded by the product of both lengths. */
static bool matches(const struct egress_rule *rule, const char *value)
{
	const char *pattern = rule->pattern, *star = NULL, *from = value, *at = value;

	while (*at) {
		bool is_taken = *pattern == '\\' && pattern[1];

		if (*pattern == '*') {
			star = pattern++;
			from = at;
		} else if (pattern[is_taken] && pattern[is_taken] == *at) {
			pattern += is_taken + 1;
			at++;
		} else if (star) { /* the star takes one more */
			pattern = star + 1;
			at = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Is there a way to match in which every star is tame? What stands in front of the first star and
 * behind the last one is the person's; what is between must be tame as a whole. */
static bool matches_tamely(const struct egress_rule *rule, const char *value)
{
	size_t head = 0, tail = 0, length = strlen(value);
	const char *at = rule->pattern;

	if (!matches(rule, value))
		return false;
	for (; *at && *at != '*'; at++, head++)
		at += *at == '\\' && at[1];
	if (!*at)
		return true; /* no star */
	for (; *at; at++) {
		tail = *at == '*' ? 0 : tail + 1;
		at += *at == '\\' && at[1];
	}
	return head + tail <= length && is_tame(rule, value + head, length - head - tail);
}

static bool host_matches(const struct egress_rule *rule, const char *host)
{
	size_t n = strlen(host), suffix;

	if (!rule->host)
		return true;
	if (rule->host[0] != '.')
		return strcmp(rule->host, host) == 0;
	suffix = strlen(rule->host); /* its last label is no number, so no address ends so */
	return n > suffix && strcmp(host + n - suffix, rule->host) == 0;
}

static bool is_about_request(const struct egress_rule *rule, const struct egress_deed *deed)
{
	unsigned method = 0;

	while (egress_methods[method] && strcmp(egress_methods[method], deed->method) != 0)
		method++;
	return (rule->methods == 0 || rule->methods & 1U << method) &&
	       (!rule->scheme || strcmp(rule->scheme, deed->url->scheme) == 0) &&
	       (rule->port == 0 || rule->port == deed->url->port) &&
	       host_matches(rule, deed->url->host);
}

/* One that allows must name all of a call's origins, any other one of them. */
static bool is_from(const struct egress_rule *rule, unsigned origins)
{
	if (rule->origins == 0)
		return true;
	return rule->verdict == TOOL_ALLOW ? !(origins & ~rule->origins)
					   : (rule->origins & origins) != 0;
}

bool egress_rule_is_about(const struct egress_rule *rule, const struct egress_deed *deed)
{
	sd_json_variant *value;

	if (strcmp(rule->tool, deed->tool) != 0 ||
	    (rule->thread && (!deed->thread || strcmp(rule->thread, deed->thread) != 0)) ||
	    !is_from(rule, deed->origins))
		return false;
	if (deed->url)
		return is_about_request(rule, deed);
	if (!rule->argument)
		return true;
	value = sd_json_variant_by_key(deed->arguments, rule->argument);
	if (value && sd_json_variant_is_null(value))
		return rule->verdict != TOOL_ALLOW; /* too long to judge: as if it were meant */
	return value && sd_json_variant_is_string(value) &&
	       matches_tamely(rule, sd_json_variant_string(value));
}

static int compare(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static bool is_exact(const struct egress_rule *rule)
{
	return (rule->host && rule->host[0] != '.') ||
	       (rule->pattern && !strchr(rule->pattern, '*'));
}

static size_t literal_length(const struct egress_rule *rule)
{
	return (rule->host ? strlen(rule->host) : 0) + (rule->pattern ? strlen(rule->pattern) : 0);
}

int egress_rule_compare(const struct egress_rule *a, const struct egress_rule *b)
{
	int order = compare(is_exact(a), is_exact(b));

	if (order == 0)
		order = compare(literal_length(a), literal_length(b));
	if (order == 0)
		order = compare(a->scheme != NULL, b->scheme != NULL);
	if (order == 0)
		order = compare(a->methods != 0, b->methods != 0);
	if (order == 0)
		order = compare(a->origins != 0, b->origins != 0);
	return order ? order : compare(a->thread != NULL, b->thread != NULL);
}

bool egress_rule_is_same(const struct egress_rule *a, const struct egress_rule *b)
{
	if ((a->thread != NULL) != (b->thread != NULL) ||
	    (a->thread && strcmp(a->thread, b->thread) != 0))
		return false;
	return strcmp(strchr(a->text, ' '), strchr(b->text, ' ')) == 0;
}

static int propose_request(const struct egress_deed *deed, struct buf *ret)
{
	const struct egress_url *url = deed->url;
	bool is_usual = url->port == (strcmp(url->scheme, "https") == 0 ? 443 : 80);
	bool is_ipv6 = strchr(url->host, ':') != NULL;
	int r = buf_printf(ret, "allow http %s %s://%s%s%s", deed->method, url->scheme,
			   is_ipv6 ? "[" : "", url->host, is_ipv6 ? "]" : "");

	return r < 0 || is_usual ? r : buf_printf(ret, ":%u", url->port);
}

/* The argument as a pattern that means exactly it. */
static int add_exact(const char *value, struct buf *ret)
{
	int r = 0;

	for (; *value && r >= 0; value++) {
		if (*value == '*' || *value == '\\')
			r = buf_add_char(ret, '\\');
		if (r >= 0)
			r = buf_add_char(ret, *value);
	}
	return r;
}

int egress_rule_propose(const struct egress_deed *deed, struct buf *ret)
{
	if (deed->url)
		return propose_request(deed, ret);
	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++) {
		sd_json_variant *value = sd_json_variant_by_key(deed->arguments, telling[i]);
		const char *text = value && sd_json_variant_is_string(value)
					   ? sd_json_variant_string(value)
					   : NULL;
		size_t length = text ? strlen(text) : 0;
		int r;

		if (!value)
			continue;
		if (length == 0 || length > PROPOSED_BYTES_MAX || holds_control(text, length) ||
		    isspace((unsigned char)text[0]) || isspace((unsigned char)text[length - 1]))
			return -ENOENT;
		r = buf_printf(ret, "allow %s %s ", deed->tool, telling[i]);
		return r < 0 ? r : add_exact(text, ret);
	}
	return -ENOENT;
}
