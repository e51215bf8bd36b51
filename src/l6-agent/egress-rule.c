/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-rule.h"

#include "base/array.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/dir.h"
#include "base/number.h"
#include "l6-agent/egress-limits.h"
#include "l6-agent/egress-url.h"

#include <fcntl.h>
#include <string.h>

enum {
	RULES_FILE_BYTES_MAX = 1024 * 1024,
	RULE_LINE_BYTES_MAX = 512,
	RULE_FIELDS = 7, /* "rule" id scheme host port created used */
	RULES_FILE_MODE = 0600,
	TABLE_ID_FIRST = 1000000, /* the configuration's rules; a person's are below */
};

static const char file_name[] = "rules";
static const char first_line[] = "clawos-rules 1";

struct egress_rules {
	int folder_fd; /* borrowed */
	struct egress_rule *rules;
	size_t n_rules, capacity, max;
	uint64_t last_id;
};

static void free_rule(struct egress_rule *rule)
{
	free(rule->scheme);
	free(rule->host);
}

void egress_rules_close(struct egress_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->n_rules; i++)
		free_rule(&rules->rules[i]);
	free(rules->rules);
	free(rules);
}

static int append(struct egress_rules *rules, const struct egress_url *url,
		  enum egress_rule_origin origin, struct egress_rule **ret)
{
	int r = ARRAY_ROOM(rules->rules, rules->n_rules, rules->capacity, rules->max);
	struct egress_rule rule = { .origin = origin, .port = url->port };

	if (r < 0)
		return r;
	rule.scheme = strdup(url->scheme);
	rule.host = strdup(url->host);
	if (!rule.scheme || !rule.host) {
		free_rule(&rule);
		return -ENOMEM;
	}
	rule.id = origin == EGRESS_RULE_PERSON ? ++rules->last_id : TABLE_ID_FIRST + rules->n_rules;
	*ret = &rules->rules[rules->n_rules++];
	**ret = rule;
	return 0;
}

static bool same_origin(const struct egress_rule *rule, const struct egress_url *url)
{
	return rule->port == url->port && strcmp(rule->host, url->host) == 0 &&
	       strcmp(rule->scheme, url->scheme) == 0;
}

struct egress_rule *egress_rules_find(struct egress_rules *rules, const struct egress_url *url)
{
	for (size_t i = 0; i < rules->n_rules; i++)
		if (same_origin(&rules->rules[i], url))
			return &rules->rules[i];
	return NULL;
}

bool egress_rules_list_address(const struct egress_rules *rules, const char *address, unsigned port)
{
	for (size_t i = 0; i < rules->n_rules; i++)
		if (rules->rules[i].port == port && strcmp(rules->rules[i].host, address) == 0)
			return true;
	return false;
}

/* An origin as it stands in the configuration: a URL with nothing behind the port. */
static int parse_origin(const char *text, struct egress_url *ret, struct error *err)
{
	int r = egress_url_parse(text, ret, err);

	if (r < 0)
		return r;
	if (strcmp(ret->path, "/") == 0)
		return 0;
	egress_url_free(ret);
	return FAIL(err, -EINVAL, "a rule names scheme, host and port, not a path");
}

static int read_table(struct egress_rules *rules, const char *table, struct error *err)
{
	while (table && *table) {
		size_t n = strcspn(table, ",");
		auto_free char *text = strndup(table, n);
		auto_egress_url struct egress_url url = { 0 };
		struct egress_rule *rule;
		int r;

		if (!text)
			return FAIL(err, -ENOMEM, "out of memory");
		r = parse_origin(text + strspn(text, " "), &url, err);
		if (r < 0)
			return error_prefix(err, "[egress] allow");
		r = append(rules, &url, EGRESS_RULE_TABLE, &rule);
		if (r < 0)
			return FAIL(err, r, "[egress] allow: more than %zu rules (egress.rules)",
				    rules->max);
		table += n + (table[n] == ',');
	}
	return 0;
}

/* Cuts the line at single blanks; -EINVAL unless there are exactly RULE_FIELDS fields. */
static int cut_fields(char *line, char *ret_fields[RULE_FIELDS])
{
	for (size_t i = 0; i < RULE_FIELDS; i++) {
		char *end = strchrnul(line, ' ');

		if (end == line || (*end == '\0') != (i == RULE_FIELDS - 1))
			return -EINVAL;
		ret_fields[i] = line;
		line = end + 1;
		*end = '\0';
	}
	return 0;
}

static int read_rule(struct egress_rules *rules, char *line, struct error *err)
{
	uint64_t id, port, created_us, used;
	auto_egress_url struct egress_url url = { 0 };
	char *fields[RULE_FIELDS], origin[RULE_LINE_BYTES_MAX + 16];
	struct egress_rule *rule;
	int r = cut_fields(line, fields);

	if (r < 0 || strcmp(fields[0], "rule") != 0 ||
	    number_parse_u64(fields[1], 1, TABLE_ID_FIRST - 1, &id) < 0 ||
	    number_parse_u64(fields[4], 1, UINT16_MAX, &port) < 0 ||
	    number_parse_u64(fields[5], 0, UINT64_MAX / 2, &created_us) < 0 ||
	    number_parse_u64(fields[6], 0, UINT64_MAX / 2, &used) < 0)
		return FAIL(err, -EINVAL, "expected: rule ID SCHEME HOST PORT CREATED USED");
	(void)snprintf(origin, sizeof(origin),
		       strchr(fields[3], ':') ? "%s://[%s]:%s" : "%s://%s:%s", fields[2], fields[3],
		       fields[4]); /* longer than the line by "://[]:" only */
	r = parse_origin(origin, &url, err);
	if (r < 0)
		return r;
	if (strcmp(url.host, fields[3]) != 0 || strcmp(url.scheme, fields[2]) != 0)
		return FAIL(err, -EINVAL, "the host is not written as \"%s\"", url.host);
	if (egress_rules_find(rules, &url))
		return 0; /* the configuration has it too */
	if (id <= rules->last_id)
		return FAIL(err, -EINVAL, "the numbers do not rise");
	r = append(rules, &url, EGRESS_RULE_PERSON, &rule);
	if (r < 0)
		return FAIL(err, r, "more than %zu rules (egress.rules)", rules->max);
	rules->last_id = rule->id = id;
	rule->created_us = created_us;
	rule->used = used;
	return 0;
}

static int read_text(struct egress_rules *rules, char *text, struct error *err)
{
	unsigned number = 1;

	for (char *line = text, *next; *line; line = next, number++) {
		char *end = strchr(line, '\n');
		int r = 0;

		if (!end)
			return FAIL(err, -EINVAL, "%s:%u: the last line is cut off", file_name,
				    number);
		*end = '\0';
		next = end + 1;
		if (end - line > RULE_LINE_BYTES_MAX)
			r = FAIL(err, -EINVAL, "longer than %d bytes", RULE_LINE_BYTES_MAX);
		else if (number == 1 && strcmp(line, first_line) != 0)
			r = FAIL(err, -EINVAL, "expected \"%s\"", first_line);
		else if (number > 1 && *line != '#')
			r = read_rule(rules, line, err);
		if (r < 0) {
			(void)error_prefix(err, "%s:%u", file_name, number);
			return r;
		}
	}
	return number > 1 ? 0 : FAIL(err, -EINVAL, "%s:1: the file is empty", file_name);
}

static int read_file(struct egress_rules *rules, struct error *err)
{
	auto_buf struct buf text = BUF(RULES_FILE_BYTES_MAX);
	int r = dir_read(rules->folder_fd, file_name, &text);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return FAIL(err, r, "%s: %s", file_name, strerror(-r));
	if (strlen(buf_string(&text)) != text.length)
		return FAIL(err, -EINVAL, "%s: the file holds a NUL", file_name);
	if (text.length == 0)
		return FAIL(err, -EINVAL, "%s:1: the file is empty", file_name);
	return read_text(rules, text.data, err);
}

int egress_rules_open(int folder_fd, const char *table, size_t max, struct egress_rules **ret,
		      struct error *err)
{
	struct egress_rules *rules = calloc(1, sizeof(*rules));
	int r;

	if (!rules)
		return FAIL(err, -ENOMEM, "out of memory");
	rules->folder_fd = folder_fd;
	rules->max = max;
	r = read_table(rules, table, err);
	if (r >= 0)
		r = read_file(rules, err);
	if (r < 0) {
		egress_rules_close(rules);
		return r;
	}
	*ret = rules;
	return 0;
}

static int save(const struct egress_rules *rules, struct error *err)
{
	auto_buf struct buf text = BUF(RULES_FILE_BYTES_MAX);
	int r = buf_printf(&text, "%s\n# id scheme host port created used\n", first_line);

	for (size_t i = 0; i < rules->n_rules && r >= 0; i++) {
		const struct egress_rule *rule = &rules->rules[i];

		if (rule->origin == EGRESS_RULE_PERSON)
			r = buf_printf(&text, "rule %llu %s %s %u %llu %llu\n",
				       (unsigned long long)rule->id, rule->scheme, rule->host,
				       rule->port, (unsigned long long)rule->created_us,
				       (unsigned long long)rule->used);
	}
	if (r >= 0)
		r = dir_replace(rules->folder_fd, file_name, buf_string(&text), text.length,
				RULES_FILE_MODE);
	return r < 0 ? FAIL(err, r, "the rules cannot be written: %s", strerror(-r)) : 0;
}

int egress_rules_add(struct egress_rules *rules, const struct egress_url *url, struct error *err)
{
	struct egress_rule *rule;
	int r;

	if (egress_rules_find(rules, url))
		return 0;
	r = rules->last_id < TABLE_ID_FIRST - 1 ? append(rules, url, EGRESS_RULE_PERSON, &rule)
						: -EMSGSIZE;
	if (r < 0)
		return FAIL(err, r, "more than %zu rules (egress.rules)", rules->max);
	rule->created_us = clock_realtime_us();
	r = save(rules, err);
	if (r < 0)
		free_rule(
			&rules->rules[--rules->n_rules]); /* what is not on disk is not in force */
	return r;
}

int egress_rules_revoke(struct egress_rules *rules, uint64_t id, struct error *err)
{
	size_t at = 0;

	while (at < rules->n_rules && rules->rules[at].id != id)
		at++;
	if (at == rules->n_rules)
		return FAIL(err, -ENOENT, "no rule has the number %llu", (unsigned long long)id);
	if (rules->rules[at].origin == EGRESS_RULE_TABLE)
		return FAIL(err, -EPERM, "rule %llu comes from [egress] allow; remove it there",
			    (unsigned long long)id);
	free_rule(&rules->rules[at]);
	memmove(&rules->rules[at], &rules->rules[at + 1],
		(rules->n_rules - at - 1) * sizeof(rules->rules[0]));
	rules->n_rules--;
	return save(rules, err); /* revoked in memory even when the disk is full */
}

size_t egress_rules_count(const struct egress_rules *rules)
{
	return rules->n_rules;
}

const struct egress_rule *egress_rules_at(const struct egress_rules *rules, size_t index)
{
	return &rules->rules[index];
}
