/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/rule-verbs.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/number.h"
#include "l7-shell/command.h"
#include "l7-shell/flow.h"
#include "l7-shell/link.h"
#include "l7-shell/report.h"
#include "l7-shell/shell.h"

#include <string.h>

enum { LINE_BYTES_MAX = 4096, NUMBER_COLUMNS = 8, MINUTE_S = 60, HOUR_S = 3600 };

static const char usage[] =
	"rules [add RULE|set NUMBER RULE|rm NUMBER]; a rule is: allow|ask|deny http [GET,POST|any] "
	"HOST, or: allow|ask|deny TOOL [from person,tool,routine,agent] [ARGUMENT PATTERN]";

/* What may be true of a rule besides its text. */
static void tell_bounds(struct screen *out, sd_json_variant *rule)
{
	uint64_t until_us = (uint64_t)link_integer(rule, "untilUsec"), now_us = clock_realtime_us();
	struct flow flow;

	flow_begin(&flow, out, NUMBER_COLUMNS, NUMBER_COLUMNS);
	if (*link_string(rule, "thread"))
		flow_foreign(&flow, STYLE_DIM, "in thread ", link_string(rule, "thread"));
	if (until_us > now_us)
		flow_own(&flow, STYLE_DIM, "%llu h %llu min left",
			 (unsigned long long)((until_us - now_us) / CLOCK_SECOND_US / HOUR_S),
			 (unsigned long long)((until_us - now_us) / CLOCK_SECOND_US % HOUR_S /
					      MINUTE_S));
	if (strcmp(link_string(rule, "origin"), "table") == 0)
		flow_own(&flow, STYLE_DIM, "of the configuration ([egress] allow)");
	flow_own(&flow, STYLE_DIM, "used %lld times", (long long)link_integer(rule, "used"));
	flow_end(&flow);
}

static void tell_rule(struct screen *out, sd_json_variant *rule)
{
	screen_own(out, STYLE_BOLD, "%*lld  ", NUMBER_COLUMNS - 2,
		   (long long)link_integer(rule, "id"));
	screen_foreign(out, STYLE_PLAIN, link_string(rule, "text"), 0);
	screen_own(out, STYLE_PLAIN, "\n%*s", NUMBER_COLUMNS, "");
	tell_bounds(out, rule);
}

static int list(struct shell *shell, struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *rules;
	size_t n;
	int r = link_ask(shell->run_fd, "egress", "io.clawos.Egress.Rules", NULL, &reply, err);

	if (r < 0)
		return r;
	if (shell->options->json)
		return report_json(shell, reply, err);
	rules = link_field(reply, "rules");
	n = rules && sd_json_variant_is_array(rules) ? sd_json_variant_elements(rules) : 0;
	for (size_t i = 0; i < n; i++)
		tell_rule(&shell->out, sd_json_variant_by_index(rules, i));
	if (n == 0)
		screen_own(&shell->out, STYLE_DIM,
			   "no rules: what leaves the machine is asked about each time\n");
	return 0;
}

static int add(struct shell *shell, const char *text, uint64_t replaces, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("text", text),
			       SD_JSON_BUILD_PAIR_CONDITION(replaces > 0, "replaces",
							    SD_JSON_BUILD_UNSIGNED(replaces)));

	if (r < 0)
		return FAIL(err, r, "rule: %s", strerror(-r));
	r = link_ask(shell->run_fd, "egress", "io.clawos.Egress.AddRule", parameters, &reply, err);
	if (r < 0)
		return r;
	if (shell->options->json)
		return report_json(shell, reply, err);
	tell_rule(&shell->out, link_field(reply, "rule"));
	return 0;
}

static int revoke_rule(struct shell *shell, uint64_t id, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_UNSIGNED("id", id));

	if (r < 0)
		return FAIL(err, r, "rule: %s", strerror(-r));
	r = link_ask(shell->run_fd, "egress", "io.clawos.Egress.Revoke", parameters, NULL, err);
	if (r == 0)
		screen_own(&shell->out, STYLE_PLAIN, "rule %llu is revoked\n",
			   (unsigned long long)id);
	return r;
}

/* The number at the front of the line, and where it goes on. */
static int take_number(char **line, uint64_t *ret, struct error *err)
{
	char *word = *line;
	size_t n = strcspn(word, " ");

	*line = word + n + strspn(word + n, " ");
	word[n] = '\0';
	return number_parse_u64(word, 1, UINT64_MAX, ret) < 0
		       ? FAIL(err, COMMAND_USAGE, "\"%s\" is not the number of a rule", word)
		       : 0;
}

static int obey(struct shell *shell, char *line, struct error *err)
{
	size_t n = strcspn(line, " ");
	char *rest = line + n + strspn(line + n, " ");
	bool is_add = strncmp(line, "add", n) == 0 && n == strlen("add");
	bool is_set = strncmp(line, "set", n) == 0 && n == strlen("set");
	bool is_rm = strncmp(line, "rm", n) == 0 && n == strlen("rm");
	uint64_t number = 0;
	int r = 0;

	if (*line == '\0')
		return list(shell, err);
	if (!is_add && !is_set && !is_rm)
		return FAIL(err, COMMAND_USAGE, "%s", usage);
	if (!is_add)
		r = take_number(&rest, &number, err);
	if (r == 0 && (*rest == '\0') != is_rm)
		r = FAIL(err, COMMAND_USAGE, "%s", usage);
	if (r < 0)
		return r;
	return is_rm ? revoke_rule(shell, number, err) : add(shell, rest, number, err);
}

int rules_slash(struct shell *shell, const char *const args[], struct error *err)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);
	int r = args[0] ? buf_add_string(&line, args[0]) : buf_add_char(&line, '\0');

	return r < 0 ? FAIL(err, r, "the rule is too long") : obey(shell, line.data, err);
}

int rules_verb(struct shell *shell, const char *const args[], struct error *err)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);
	int r = buf_add_string(&line, "");

	for (size_t i = 0; args[i] && r >= 0; i++)
		r = buf_printf(&line, "%s%s", i ? " " : "", args[i]);
	if (r < 0)
		return FAIL(err, r, "the rule is too long");
	return obey(shell, line.data ? line.data : (char[]){ "" }, err);
}
