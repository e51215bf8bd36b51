/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* egress-rule-parse - what a person writes becomes a rule with one form (L6). */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/number.h"
#include "base/utf8.h"
#include "l6-agent/egress-address.h"
#include "l6-agent/egress-rule.h"
#include "l6-agent/egress-suffix.h"
#include "l6-agent/egress-url.h"

#include <string.h>

enum { WORD_BYTES = 300, EVERY_METHOD = 31 };

/* The next word of the line, "" at its end. */
static int take_word(const char **at, char ret[WORD_BYTES], struct error *err)
{
	size_t n;

	*at += strspn(*at, " ");
	n = strcspn(*at, " ");
	if (n >= WORD_BYTES)
		return FAIL(err, -EINVAL, "\"%.40s…\" is too long for a rule", *at);
	memcpy(ret, *at, n);
	ret[n] = '\0';
	*at += n;
	return 0;
}

static int keep(char **to, const char *text, struct error *err)
{
	*to = strdup(text);
	return *to ? 0 : FAIL(err, -ENOMEM, "out of memory");
}

static int parse_verdict(const char *word, enum tool_verdict *ret, struct error *err)
{
	if (tool_verdict_parse(word, ret))
		return 0;
	return FAIL(err, -EINVAL, "a rule begins with allow, ask or deny, not with \"%s\"", word);
}

/* "GET,POST" or "any"; false when the word is none of them. */
static bool parse_methods(const char *word, unsigned *ret)
{
	unsigned methods = 0;

	if (strcmp(word, "any") == 0) {
		*ret = 0;
		return true;
	}
	while (*word) {
		size_t n = strcspn(word, ","), i = 0;

		while (egress_methods[i] &&
		       (strlen(egress_methods[i]) != n || strncmp(egress_methods[i], word, n) != 0))
			i++;
		if (!egress_methods[i])
			return false;
		methods |= 1U << i;
		word += n + (word[n] == ',');
	}
	*ret = methods == EVERY_METHOD ? 0 : methods;
	return methods != 0;
}

/* A name below which hosts have one owner. */
static int check_suffix(const char *host, struct error *err)
{
	const char *last = strrchr(host, '.');
	struct sockaddr_storage address;

	if (egress_suffix_is_shared(host))
		return FAIL(
			err, -EINVAL,
			"\".%s\" means hosts of many owners; name the one you mean (\".%s.%s\")",
			host, "example", host);
	if (egress_address_parse(host, &address) ||
	    strspn(last + 1, "0123456789") == strlen(last + 1))
		return FAIL(err, -EINVAL, "\".%s\" is part of an address; a rule names it whole",
			    host);
	return 0;
}

/* The word as a URL without the leading dot of its host. */
static int read_target(const char *word, bool *ret_is_suffix, bool *ret_has_scheme,
		       struct egress_url *ret, struct error *err)
{
	const char *host = strstr(word, "://");
	char text[WORD_BYTES + 16];
	int r;

	*ret_has_scheme = host != NULL;
	host = host ? host + 3 : word;
	*ret_is_suffix = host[0] == '.';
	(void)snprintf(text, sizeof(text), "%.*s%s",
		       *ret_has_scheme ? (int)(host - word) : (int)strlen("https://"),
		       *ret_has_scheme ? word : "https://", host + *ret_is_suffix); /* fits */
	r = egress_url_parse(text, ret, err);
	if (r < 0)
		return error_prefix(err, "\"%s\"", word);
	if (strcmp(ret->path, "/") == 0)
		return *ret_is_suffix ? check_suffix(ret->host, err) : 0;
	return FAIL(err, -EINVAL, "\"%s\": a rule names scheme, host and port, not a path", word);
}

static int parse_target(const char *word, struct egress_rule *rule, struct error *err)
{
	auto_egress_url struct egress_url url = { 0 };
	bool is_suffix, has_scheme;
	char host[WORD_BYTES + 1];
	int r;

	if (strchr(word, '*'))
		return FAIL(err, -EINVAL,
			    "\"%s\": a host is named whole (api.example.org), or with a leading "
			    "dot for "
			    "all below it (.example.org)",
			    word);
	r = read_target(word, &is_suffix, &has_scheme, &url, err);
	if (r < 0)
		return r;
	(void)snprintf(host, sizeof(host), "%s%s", is_suffix ? "." : "", url.host); /* fits */
	r = keep(&rule->host, host, err);
	if (r >= 0 && (has_scheme || rule->verdict == TOOL_ALLOW || strchr(word, ':')))
		r = keep(&rule->scheme, url.scheme, err);
	if (rule->scheme)
		rule->port = url.port;
	return r;
}

static int parse_request(const char *at, struct egress_rule *rule, struct error *err)
{
	char word[WORD_BYTES];
	bool has_methods;
	int r = take_word(&at, word, err);

	if (r < 0)
		return r;
	has_methods = parse_methods(word, &rule->methods);
	if (!has_methods && rule->verdict == TOOL_ALLOW)
		rule->methods = 1; /* GET: what nobody named is not allowed */
	if (has_methods)
		r = take_word(&at, word, err);
	if (r >= 0 && *word)
		r = parse_target(word, rule, err);
	if (r < 0)
		return r;
	if (at[strspn(at, " ")])
		return FAIL(err, -EINVAL,
			    "what is \"%.60s\" behind the host? (%s http [METHODS] HOST)",
			    at + strspn(at, " "), tool_verdict_name(rule->verdict));
	if (rule->verdict != TOOL_ALLOW)
		return 0;
	if (!rule->host)
		return FAIL(err, -EINVAL, "a rule that allows names the host");
	if (rule->host[0] == '.' && rule->methods == 0)
		return FAIL(err, -EINVAL,
			    "every method of every host below \"%s\" is too much; name methods "
			    "(GET,POST)",
			    rule->host + 1);
	return 0;
}

static bool is_origin(enum tool_origin origin, const char *word, size_t length)
{
	const char *name = tool_origin_name(origin);

	return strlen(name) == length && memcmp(name, word, length) == 0;
}

static int parse_origins(const char *word, unsigned *ret, struct error *err)
{
	while (*word) {
		size_t n = strcspn(word, ",");
		unsigned i = 0;

		while (i < TOOL_ORIGIN_COUNT && !is_origin((enum tool_origin)i, word, n))
			i++;
		if (i == TOOL_ORIGIN_COUNT)
			break;
		*ret |= 1U << i;
		word += n + (word[n] == ',');
	}
	return *word || *ret == 0
		       ? FAIL(err, -EINVAL,
			      "calls come from person, tool, routine or agent, not from \"%s\"",
			      word)
		       : 0;
}

static int check_argument(const struct tool *tool, const char *name, struct error *err)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *rules = NULL;
	sd_json_variant *known;

	if (sd_json_parse(tool->rules, 0, &rules, NULL, NULL) < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	known = sd_json_variant_by_key(sd_json_variant_by_key(rules, "properties"), name);
	if (!known)
		return FAIL(err, -EINVAL, "%s has no argument \"%s\"", tool->name, name);
	if (strcmp(sd_json_variant_string(sd_json_variant_by_key(known, "type")), "string") != 0)
		return FAIL(err, -EINVAL, "\"%s\" of %s is no text", name, tool->name);
	return 0;
}

static int parse_pattern(const struct tool *tool, const char *argument, const char *at,
			 struct egress_rule *rule, struct error *err)
{
	size_t n;
	int r = check_argument(tool, argument, err);

	at += strspn(at, " ");
	n = strlen(at);
	while (n > 0 && at[n - 1] == ' ')
		n--;
	if (r >= 0 && n == 0)
		r = FAIL(err, -EINVAL, "what must \"%s\" look like?", argument);
	if (r >= 0 && rule->verdict == TOOL_ALLOW && strspn(at, "*") == n)
		r = FAIL(err, -EINVAL,
			 "\"%.20s\" is every %s; leave the argument out if you mean that", at,
			 argument);
	if (r >= 0)
		r = keep(&rule->argument, argument, err);
	if (r < 0)
		return r;
	rule->pattern = strndup(at, n);
	return rule->pattern ? 0 : FAIL(err, -ENOMEM, "out of memory");
}

static int parse_call(const struct tool *tool, const char *at, struct egress_rule *rule,
		      struct error *err)
{
	char word[WORD_BYTES];
	int r = take_word(&at, word, err);

	if (r >= 0 && strcmp(word, "from") == 0) {
		r = take_word(&at, word, err);
		if (r >= 0)
			r = parse_origins(word, &rule->origins, err);
		if (r >= 0)
			r = take_word(&at, word, err);
	}
	return r < 0 || !*word ? r : parse_pattern(tool, word, at, rule, err);
}

static int write_methods(const struct egress_rule *rule, struct buf *text)
{
	int r = buf_add_string(text, rule->methods ? " " : " any");
	const char *between = "";

	for (size_t i = 0; egress_methods[i] && r >= 0; i++) {
		if (!(rule->methods & 1U << i))
			continue;
		r = buf_printf(text, "%s%s", between, egress_methods[i]);
		between = ",";
	}
	return r;
}

static int write_target(const struct egress_rule *rule, struct buf *text)
{
	bool is_ipv6 = rule->host && strchr(rule->host, ':');
	int r = rule->host ? buf_printf(text, " %s%s%s%s%s", rule->scheme ? rule->scheme : "",
					rule->scheme ? "://" : "", is_ipv6 ? "[" : "", rule->host,
					is_ipv6 ? "]" : "")
			   : 0;

	if (r < 0 || !rule->scheme || rule->port == (strcmp(rule->scheme, "https") == 0 ? 443 : 80))
		return r;
	return buf_printf(text, ":%u", rule->port);
}

static int write_call(const struct egress_rule *rule, struct buf *text)
{
	const char *between = " from ";
	int r = 0;

	for (unsigned i = 0; i < TOOL_ORIGIN_COUNT && r >= 0; i++) {
		if (!(rule->origins & 1U << i))
			continue;
		r = buf_printf(text, "%s%s", between, tool_origin_name(i));
		between = ",";
	}
	return r < 0 || !rule->argument ? r
					: buf_printf(text, " %s %s", rule->argument, rule->pattern);
}

static int write_text(struct egress_rule *rule, bool is_request, struct error *err)
{
	auto_buf struct buf text = BUF(2 * EGRESS_RULE_BYTES_MAX);
	int r = buf_printf(&text, "%s %s", tool_verdict_name(rule->verdict), rule->tool);

	if (r >= 0 && is_request)
		r = write_methods(rule, &text);
	if (r >= 0)
		r = is_request ? write_target(rule, &text) : write_call(rule, &text);
	if (r < 0)
		return FAIL(err, r, "out of memory");
	rule->text = buf_take(&text);
	return 0;
}

static int parse_tool(const char *name, const struct tool **ret, struct error *err)
{
	const struct tool *tool = tool_find(name);
	const char *near = tool ? NULL : tool_nearest(name);

	if (!*name)
		return FAIL(err, -EINVAL, "a rule names a tool");
	if (!tool && near)
		return FAIL(err, -EINVAL, "there is no tool \"%s\"; did you mean \"%s\"?", name,
			    near);
	if (!tool)
		return FAIL(err, -EINVAL, "there is no tool \"%s\"", name);
	if (tool->place == TOOL_EGRESS && strcmp(name, "http") != 0)
		return FAIL(err, -EINVAL,
			    "what leaves the machine is ruled as \"http\", also of %s", name);
	if (tool->place == TOOL_HERE || tool->place == TOOL_STASH)
		return FAIL(err, -EINVAL, "%s does nothing that a rule could be about", name);
	*ret = tool;
	return 0;
}

static int parse(const char *text, struct egress_rule *rule, struct error *err)
{
	const struct tool *tool = NULL;
	char word[WORD_BYTES];
	const char *at = text;
	int r = take_word(&at, word, err);

	if (r >= 0)
		r = parse_verdict(word, &rule->verdict, err);
	if (r >= 0)
		r = take_word(&at, word, err);
	if (r >= 0)
		r = parse_tool(word, &tool, err);
	if (r >= 0)
		r = keep(&rule->tool, word, err);
	if (r < 0)
		return r;
	r = tool->place == TOOL_EGRESS ? parse_request(at, rule, err)
				       : parse_call(tool, at, rule, err);
	return r < 0 ? r : write_text(rule, tool->place == TOOL_EGRESS, err);
}

int egress_rule_parse(const char *text, struct egress_rule *ret, struct error *err)
{
	struct egress_rule rule = { 0 };
	size_t length = strlen(text);
	int r = length > EGRESS_RULE_BYTES_MAX
			? FAIL(err, -EINVAL, "a rule has at most %d bytes", EGRESS_RULE_BYTES_MAX)
			: 0;

	for (size_t i = 0; i < length && r >= 0; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			r = FAIL(err, -EINVAL, "a rule holds no control characters");
	if (r >= 0 && !utf8_is_valid(text, length))
		r = FAIL(err, -EINVAL, "a rule is UTF-8");
	if (r >= 0)
		r = parse(text, &rule, err);
	if (r < 0) {
		egress_rule_free(&rule);
		return r;
	}
	*ret = rule;
	return 0;
}
