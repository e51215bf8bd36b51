/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-rules.h"

#include "base/array.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "base/number.h"
#include "l6-agent/egress-limits.h"
#include "l6-agent/egress-url.h"

#include <fcntl.h>
#include <string.h>

enum {
	RULES_FILE_BYTES_MAX = 8 * 1024 * 1024,
	RULE_LINE_BYTES_MAX = EGRESS_RULE_BYTES_MAX + 3 * EGRESS_THREAD_BYTES_MAX + 100,
	RULE_WORDS = 6,     /* "rule" id created until used thread; the text follows */
	OLD_RULE_WORDS = 7, /* of version 1: "rule" id scheme host port created used */
	RULES_FILE_MODE = 0600,
	TABLE_ID_FIRST = 1000000, /* the configuration's rules; a person's are below */
};

static const char file_name[] = "rules";
static const char first_line[] = "clawos-rules 2";
static const char old_first_line[] = "clawos-rules 1"; /* hosts only, every method */

struct egress_rules {
	int folder_fd; /* borrowed */
	struct egress_rule *rules;
	size_t n_rules, capacity, max;
	uint64_t last_id;
};

void egress_rules_close(struct egress_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->n_rules; i++)
		egress_rule_free(&rules->rules[i]);
	free(rules->rules);
	free(rules);
}

/* Takes the rule over when it succeeds. */
static int append(struct egress_rules *rules, struct egress_rule *rule,
		  enum egress_rule_origin origin, struct error *err)
{
	int r = rules->n_rules >= rules->max || (origin == EGRESS_RULE_PERSON &&
						 rules->last_id >= TABLE_ID_FIRST - 1)
			? -EMSGSIZE
			: ARRAY_ROOM(rules->rules, rules->n_rules, rules->capacity, rules->max);

	if (r < 0)
		return FAIL(err, r, "more than %zu rules (egress.rules)", rules->max);
	rule->origin = origin;
	rule->id =
		origin == EGRESS_RULE_PERSON ? ++rules->last_id : TABLE_ID_FIRST + rules->n_rules;
	rules->rules[rules->n_rules++] = *rule;
	*rule = (struct egress_rule){ 0 };
	return 0;
}

static void remove_at(struct egress_rules *rules, size_t at)
{
	egress_rule_free(&rules->rules[at]);
	memmove(&rules->rules[at], &rules->rules[at + 1],
		(rules->n_rules - at - 1) * sizeof(rules->rules[0]));
	rules->n_rules--;
}

static bool is_over(const struct egress_rule *rule)
{
	return rule->until_us > 0 && rule->until_us <= clock_realtime_us();
}

struct egress_rule *egress_rules_find(struct egress_rules *rules, const struct egress_deed *deed)
{
	struct egress_rule *found = NULL;

	for (size_t i = 0; i < rules->n_rules; i++) {
		struct egress_rule *rule = &rules->rules[i];
		int order;

		if (is_over(rule) || !egress_rule_is_about(rule, deed))
			continue;
		if (rule->verdict == TOOL_DENY)
			return rule;
		order = found ? egress_rule_compare(rule, found) : 1;
		if (order > 0 || (order == 0 && rule->verdict == TOOL_ASK))
			found = rule;
	}
	return found;
}

bool egress_rules_list_address(const struct egress_rules *rules, const char *address, unsigned port)
{
	for (size_t i = 0; i < rules->n_rules; i++) {
		const struct egress_rule *rule = &rules->rules[i];

		if (rule->verdict != TOOL_DENY && rule->port == port && rule->host &&
		    strcmp(rule->host, address) == 0 && !is_over(rule))
			return true;
	}
	return false;
}

/* The rule that [egress] allow and a file of version 1 mean by an origin. */
static int parse_origin(const char *origin, struct egress_rule *ret, struct error *err)
{
	auto_buf struct buf text = BUF(2 * EGRESS_RULE_BYTES_MAX);

	if (!strstr(origin, "://"))
		return FAIL(err, -EINVAL, "\"%.100s\" is no URL (https://host)", origin);
	if (buf_printf(&text, "allow http any %s", origin) < 0)
		return FAIL(err, -ENOMEM, "out of memory");
	return egress_rule_parse(buf_string(&text), ret, err);
}

static int read_table(struct egress_rules *rules, const char *table, struct error *err)
{
	while (table && *table) {
		size_t n = strcspn(table, ",");
		auto_free char *text = strndup(table, n);
		struct egress_rule rule = { 0 };
		int r;

		if (!text)
			return FAIL(err, -ENOMEM, "out of memory");
		r = parse_origin(text + strspn(text, " "), &rule, err);
		if (r >= 0)
			r = append(rules, &rule, EGRESS_RULE_TABLE, err);
		egress_rule_free(&rule);
		if (r < 0) {
			(void)error_prefix(err, "[egress] allow");
			return r;
		}
		table += n + (table[n] == ',');
	}
	return 0;
}

/* Cuts the line at single blanks into n words and what follows; -EINVAL when there are fewer. */
static int cut_words(char *line, size_t n, char *ret_words[], char **ret_rest)
{
	for (size_t i = 0; i < n; i++) {
		char *end = strchrnul(line, ' ');

		if (end == line || (*end == '\0' && i + 1 < n))
			return -EINVAL;
		ret_words[i] = line;
		line = *end ? end + 1 : end;
		*end = '\0';
	}
	*ret_rest = line;
	return 0;
}

/* "-" is none; %20 is a blank. */
static int unescape(const char *word, char **ret)
{
	char *text = strdup(word), *to = text;

	if (!text)
		return -ENOMEM;
	for (const char *at = word; *at; at++) {
		int high = *at == '%' ? number_hex_digit(at[1]) : -1;
		int low = high >= 0 ? number_hex_digit(at[2]) : -1;

		if (*at == '%' && low < 0) {
			free(text);
			return -EINVAL;
		}
		*to++ = *at == '%' ? (char)((unsigned)high << 4 | (unsigned)low) : *at;
		at += *at == '%' ? 2 : 0;
	}
	*to = '\0';
	if (strcmp(word, "-") == 0) {
		free(text);
		text = NULL;
	}
	*ret = text;
	return 0;
}

static int add_escaped(struct buf *out, const char *text)
{
	int r = text && strcmp(text, "-") != 0 ? 0 : buf_add_string(out, text ? "%2D" : "-");

	if (!text || strcmp(text, "-") == 0)
		return r;
	for (; *text && r >= 0; text++)
		r = (unsigned char)*text <= ' ' || *text == '%' || *text == 0x7f
			    ? buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text)
			    : buf_add_char(out, *text);
	return r;
}

static int read_numbers(char *const words[], const size_t places[3], struct egress_rule *rule,
			uint64_t *ret_id)
{
	if (number_parse_u64(words[1], 1, TABLE_ID_FIRST - 1, ret_id) < 0 ||
	    number_parse_u64(words[places[0]], 0, UINT64_MAX / 2, &rule->created_us) < 0 ||
	    number_parse_u64(words[places[2]], 0, UINT64_MAX / 2, &rule->used) < 0)
		return -EINVAL;
	return places[1] ? number_parse_u64(words[places[1]], 0, UINT64_MAX / 2, &rule->until_us)
			 : 0;
}

static int parse_rule(char *line, struct egress_rule *rule, uint64_t *ret_id, struct error *err)
{
	static const size_t places[] = { 2, 3, 4 };
	char *words[RULE_WORDS], *text;
	struct egress_rule numbers = { 0 };
	int r = cut_words(line, RULE_WORDS, words, &text);

	if (r < 0 || strcmp(words[0], "rule") != 0 ||
	    read_numbers(words, places, &numbers, ret_id) < 0)
		return FAIL(err, -EINVAL, "expected: rule ID CREATED UNTIL USED THREAD RULE");
	r = egress_rule_parse(text, rule, err);
	if (r < 0)
		return r;
	if (strcmp(text, rule->text) != 0)
		return FAIL(err, -EINVAL, "the rule is not written as \"%s\"", rule->text);
	rule->created_us = numbers.created_us;
	rule->until_us = numbers.until_us;
	rule->used = numbers.used;
	r = unescape(words[RULE_WORDS - 1], &rule->thread);
	return r < 0 ? FAIL(err, r, "\"%s\" is no name of a thread", words[RULE_WORDS - 1]) : 0;
}

static int parse_old_rule(char *line, struct egress_rule *rule, uint64_t *ret_id, struct error *err)
{
	static const size_t places[] = { 5, 0, 6 };
	char *words[OLD_RULE_WORDS], *rest, origin[RULE_LINE_BYTES_MAX + 16];
	struct egress_rule numbers = { 0 };
	int r = cut_words(line, OLD_RULE_WORDS, words, &rest);

	if (r < 0 || *rest || strcmp(words[0], "rule") != 0 ||
	    read_numbers(words, places, &numbers, ret_id) < 0)
		return FAIL(err, -EINVAL, "expected: rule ID SCHEME HOST PORT CREATED USED");
	(void)snprintf(origin, sizeof(origin),
		       strchr(words[3], ':') ? "%s://[%s]:%s" : "%s://%s:%s", words[2], words[3],
		       words[4]); /* longer than the line by "://[]:" only */
	r = parse_origin(origin, rule, err);
	if (r < 0)
		return r;
	if (strcmp(rule->host, words[3]) != 0)
		return FAIL(err, -EINVAL, "the host is not written as \"%s\"", rule->host);
	rule->created_us = numbers.created_us;
	rule->used = numbers.used;
	return 0;
}

static int keep_rule(struct egress_rules *rules, struct egress_rule *rule, uint64_t id,
		     struct error *err)
{
	int r;

	if (id <= rules->last_id)
		return FAIL(err, -EINVAL, "the numbers do not rise");
	for (size_t i = 0; i < rules->n_rules; i++)
		if (rules->rules[i].origin == EGRESS_RULE_TABLE &&
		    strcmp(rules->rules[i].text, rule->text) == 0)
			return 0; /* the configuration has it too */
	r = append(rules, rule, EGRESS_RULE_PERSON, err);
	if (r >= 0)
		rules->last_id = rules->rules[rules->n_rules - 1].id = id;
	return r;
}

static int read_rule(struct egress_rules *rules, char *line, bool is_old, struct error *err)
{
	struct egress_rule rule = { 0 };
	uint64_t id = 0;
	int r = is_old ? parse_old_rule(line, &rule, &id, err) : parse_rule(line, &rule, &id, err);

	if (r >= 0)
		r = keep_rule(rules, &rule, id, err);
	egress_rule_free(&rule);
	return r;
}

static int read_text(struct egress_rules *rules, char *text, struct error *err)
{
	unsigned number = 1;
	bool is_old = false;

	for (char *line = text, *next; *line; line = next, number++) {
		char *end = strchr(line, '\n');
		int r = 0;

		if (!end)
			return FAIL(err, -EINVAL, "%s:%u: the last line is cut off", file_name,
				    number);
		*end = '\0';
		next = end + 1;
		if (number == 1)
			is_old = strcmp(line, old_first_line) == 0;
		if (end - line > RULE_LINE_BYTES_MAX)
			r = FAIL(err, -EINVAL, "longer than %d bytes", RULE_LINE_BYTES_MAX);
		else if (number == 1 && !is_old && strcmp(line, first_line) != 0)
			r = FAIL(err, -EINVAL, "expected \"%s\"", first_line);
		else if (number > 1 && *line != '#')
			r = read_rule(rules, line, is_old, err);
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

static int write_rule(const struct egress_rule *rule, struct buf *text)
{
	int r = buf_printf(text, "rule %llu %llu %llu %llu ", (unsigned long long)rule->id,
			   (unsigned long long)rule->created_us, (unsigned long long)rule->until_us,
			   (unsigned long long)rule->used);

	if (r >= 0)
		r = add_escaped(text, rule->thread);
	return r < 0 ? r : buf_printf(text, " %s\n", rule->text);
}

/* Without the rule at `left_out` (n_rules: with all). */
static int save(const struct egress_rules *rules, size_t left_out, struct error *err)
{
	auto_buf struct buf text = BUF(RULES_FILE_BYTES_MAX);
	int r = buf_printf(&text, "%s\n# id created until used thread rule\n", first_line);

	for (size_t i = 0; i < rules->n_rules && r >= 0; i++)
		if (i != left_out && rules->rules[i].origin == EGRESS_RULE_PERSON &&
		    !is_over(&rules->rules[i]))
			r = write_rule(&rules->rules[i], &text);
	if (r >= 0)
		r = dir_replace(rules->folder_fd, file_name, buf_string(&text), text.length,
				RULES_FILE_MODE);
	return r < 0 ? FAIL(err, r, "the rules cannot be written: %s", strerror(-r)) : 0;
}

static int find_number(const struct egress_rules *rules, uint64_t id, size_t *ret,
		       struct error *err)
{
	size_t at = 0;

	while (at < rules->n_rules && rules->rules[at].id != id)
		at++;
	if (at == rules->n_rules)
		return FAIL(err, -ENOENT, "no rule has the number %llu", (unsigned long long)id);
	if (rules->rules[at].origin == EGRESS_RULE_TABLE)
		return FAIL(err, -EPERM, "rule %llu comes from [egress] allow; change it there",
			    (unsigned long long)id);
	*ret = at;
	return 0;
}

/* The place of the rule that a new one takes; n_rules: it takes none. */
static int find_replaced(const struct egress_rules *rules, const struct egress_rule *rule,
			 uint64_t replaces, size_t *ret, struct error *err)
{
	*ret = rules->n_rules;
	if (replaces)
		return find_number(rules, replaces, ret, err);
	for (size_t i = 0; i < rules->n_rules; i++)
		if (rules->rules[i].origin == EGRESS_RULE_PERSON &&
		    egress_rule_is_same(&rules->rules[i], rule))
			*ret = i;
	return 0;
}

static void drop_over(struct egress_rules *rules)
{
	for (size_t i = rules->n_rules; i-- > 0;)
		if (is_over(&rules->rules[i]))
			remove_at(rules, i);
}

static int add(struct egress_rules *rules, struct egress_rule *rule, uint64_t replaces,
	       struct error *err)
{
	size_t replaced, max = rules->max;
	int r;

	drop_over(rules);
	r = find_replaced(rules, rule, replaces, &replaced, err);
	if (r < 0)
		return r;
	rules->max += replaced < rules->n_rules; /* for a moment both are there */
	r = append(rules, rule, EGRESS_RULE_PERSON, err);
	rules->max = max;
	if (r < 0)
		return r;
	r = save(rules, replaced == rules->n_rules - 1 ? rules->n_rules : replaced, err);
	if (r < 0) /* what is not on disk is not in force */
		remove_at(rules, rules->n_rules - 1);
	else if (replaced < rules->n_rules - 1)
		remove_at(rules, replaced);
	return r;
}

int egress_rules_add(struct egress_rules *rules, const char *text,
		     const struct egress_rule_bounds *bounds, const struct egress_rule **ret,
		     struct error *err)
{
	struct egress_rule rule = { 0 };
	int r = egress_rule_parse(text, &rule, err);

	if (r >= 0 && bounds && bounds->thread) {
		rule.thread = strdup(bounds->thread);
		r = rule.thread ? 0 : FAIL(err, -ENOMEM, "out of memory");
	}
	rule.created_us = clock_realtime_us();
	rule.until_us = bounds ? bounds->until_us : 0;
	if (r >= 0)
		r = add(rules, &rule, bounds ? bounds->replaces : 0, err);
	egress_rule_free(&rule);
	if (r >= 0 && ret)
		*ret = &rules->rules[rules->n_rules - 1];
	return r;
}

int egress_rules_revoke(struct egress_rules *rules, uint64_t id, struct error *err)
{
	size_t at;
	int r = find_number(rules, id, &at, err);

	if (r < 0)
		return r;
	remove_at(rules, at);
	return save(rules, rules->n_rules, err); /* revoked in memory even when the disk is full */
}

size_t egress_rules_count(const struct egress_rules *rules)
{
	return rules->n_rules;
}

const struct egress_rule *egress_rules_at(const struct egress_rules *rules, size_t index)
{
	return &rules->rules[index];
}
