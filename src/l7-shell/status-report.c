/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/status-report.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l7-shell/link.h"
#include "l7-shell/model-name.h"
#include "l7-shell/provider-status.h"
#include "l7-shell/report.h"
#include "l7-shell/tool-line.h"

#include <string.h>

enum {
	NAME_BYTES_MAX = 1024,
	KEY_COLUMNS = 10,
	DAEMON_COLUMNS = 14,
	STATE_COLUMNS = 25,
	PID_COLUMNS = 8
};
enum { AGE_COLUMNS = 11 };

/* The supervisor's words and what they mean to a person. */
static const struct {
	const char *state, *words;
	unsigned style;
} states[] = {
	{ "running", "running", STYLE_GOOD },
	{ "starting", "starting", STYLE_ASK },
	{ "stopped", "asleep, starts on demand", STYLE_PLAIN },
	{ "backing-off", "ended, starts again soon", STYLE_ASK },
	{ "failed", "failed", STYLE_BAD },
};

static const struct {
	const char *provider, *where;
} providers[] = {
	{ "local", "local model" },
	{ "openai_compatible", "OpenAI-compatible server" },
	{ "openai", "OpenAI" },
	{ "ollama", "Ollama" },
};

int status_model(const struct shell *shell, sd_json_variant *status, struct buf *ret_name,
		 const char **ret_where)
{
	const char *name = link_string(status, "model"),
		   *provider = link_string(status, "provider");

	*ret_where = provider;
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++)
		if (strcmp(providers[i].provider, provider) == 0)
			*ret_where = providers[i].where;
	if (*name)
		return buf_add_string(ret_name, name);
	if (strcmp(provider, "local") != 0)
		return buf_add_string(ret_name, "the server's own choice");
	return shell->paths.model ? model_name(shell->paths.model, ret_name)
				  : buf_add_string(ret_name, "no model");
}

void status_tell_model(struct shell *shell, sd_json_variant *status, struct flow *flow)
{
	auto_buf struct buf name = BUF(NAME_BYTES_MAX);
	const char *where;

	if (status_model(shell, status, &name, &where) < 0 || buf_printf(&name, " (%s)", where) < 0)
		return; /* a name that long is none */
	flow_foreign(flow, STYLE_BOLD, "", buf_string(&name));
}

static void key(struct shell *shell, const char *name)
{
	screen_own(&shell->out, STYLE_DIM, "%-*s", KEY_COLUMNS, name);
}

static void print_daemon(struct shell *shell, sd_json_variant *daemon)
{
	const char *state = link_string(daemon, "state"), *words = state;
	int64_t pid = link_integer(daemon, "pid"), restarts = link_integer(daemon, "restarts");
	struct screen *out = &shell->out;
	unsigned style = STYLE_PLAIN;
	char text[TOOL_LINE_SPAN_BYTES] = "-";

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i].state, state) != 0)
			continue;
		words = states[i].words;
		style = states[i].style;
	}
	report_cell(out, STYLE_BOLD, link_string(daemon, "name"), DAEMON_COLUMNS);
	report_cell(out, style, words, STATE_COLUMNS);
	if (pid > 0)
		(void)snprintf(text, sizeof(text), "%lld", (long long)pid);
	report_right(out, STYLE_PLAIN, text, PID_COLUMNS);
	if (strcmp(state, "stopped") == 0)
		report_right(out, STYLE_PLAIN, "-", AGE_COLUMNS);
	else
		report_age(out, (uint64_t)link_integer(daemon, "sinceUsec"), AGE_COLUMNS);
	if (restarts > 0)
		screen_own(out, STYLE_ASK, "  started again %lld time%s", (long long)restarts,
			   restarts == 1 ? "" : "s");
	screen_own(out, STYLE_PLAIN, "\n");
	if (!*link_string(daemon, "reason"))
		return;
	screen_own(out, STYLE_PLAIN, "  ");
	screen_foreign(out, strcmp(state, "failed") == 0 ? STYLE_BAD : STYLE_DIM,
		       link_string(daemon, "reason"), 0);
	screen_own(out, STYLE_PLAIN, "\n");
}

static void print_daemons(struct shell *shell, sd_json_variant *daemons)
{
	struct screen *out = &shell->out;

	screen_own(out, STYLE_DIM, "\n%-*s %-*s %*s%*s\n", DAEMON_COLUMNS, "daemon", STATE_COLUMNS,
		   "state", PID_COLUMNS, "pid", AGE_COLUMNS, "since");
	for (size_t i = 0;
	     daemons && sd_json_variant_is_array(daemons) && i < sd_json_variant_elements(daemons);
	     i++)
		print_daemon(shell, sd_json_variant_by_index(daemons, i));
}

static unsigned long long number(sd_json_variant *object, const char *name)
{
	int64_t value = link_integer(object, name);

	return value > 0 ? (unsigned long long)value : 0;
}

static void print_agent(struct shell *shell, sd_json_variant *status)
{
	sd_json_variant *journal = link_field(status, "journal");
	struct flow flow;
	char size[TOOL_LINE_SPAN_BYTES];

	key(shell, "model");
	flow_begin(&flow, &shell->out, KEY_COLUMNS, KEY_COLUMNS);
	status_tell_model(shell, status, &flow);
	flow_end(&flow);
	provider_status_print(shell, KEY_COLUMNS);
	key(shell, "agent");
	screen_foreign(&shell->out, STYLE_PLAIN, link_string(status, "agent"), 0);
	screen_own(&shell->out, STYLE_PLAIN, ": %llu thread%s, %llu turn%s, %llu running\n",
		   number(status, "threads"), number(status, "threads") == 1 ? "" : "s",
		   number(status, "turns"), number(status, "turns") == 1 ? "" : "s",
		   number(status, "running"));
	tool_line_size(number(journal, "bytes"), size);
	key(shell, "journal");
	screen_own(&shell->out, STYLE_PLAIN, "%llu record%s, %s\n", number(journal, "records"),
		   number(journal, "records") == 1 ? "" : "s", size);
}

static void tell_state(struct shell *shell)
{
	key(shell, "state");
	screen_foreign(&shell->out, STYLE_PLAIN, shell->paths.state, 0);
	screen_own(&shell->out, STYLE_PLAIN, "\n");
}

static void print_head(struct shell *shell, sd_json_variant *up)
{
	key(shell, "system");
	screen_own(&shell->out, STYLE_PLAIN, "ClawOS ");
	screen_foreign(&shell->out, STYLE_PLAIN, link_string(up, "version"), 0);
	screen_own(&shell->out, STYLE_PLAIN, ", started ");
	report_age(&shell->out, (uint64_t)link_integer(up, "startedUsec"), 0);
	screen_own(&shell->out, STYLE_PLAIN, "\n");
	tell_state(shell);
}

static int print_json(struct shell *shell, sd_json_variant *up, sd_json_variant *status,
		      struct error *err)
{
	auto_json sd_json_variant *both = NULL;
	int r = sd_json_buildo(&both, SD_JSON_BUILD_PAIR_VARIANT("system", up),
			       SD_JSON_BUILD_PAIR_VARIANT("agent", status));

	return r < 0 ? FAIL(err, r, "status: %s", strerror(-r)) : report_json(shell, both, err);
}

static int tell_stopped(struct shell *shell, struct error *err)
{
	int r = shell->options->json ? print_json(shell, NULL, NULL, err) : 0;

	if (r < 0)
		return r;
	if (!shell->options->json) {
		key(shell, "system");
		screen_own(&shell->out, STYLE_PLAIN, "stopped\n");
		tell_state(shell);
	}
	return SHELL_STOPPED;
}

/* An agent that does not answer is part of the answer: the daemons are listed all the same. */
int status_report(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *up = NULL, *agent = NULL;
	struct error why = { 0 };
	sd_json_variant *status;
	int r = shell_attach(shell, err);

	(void)args;
	if (r >= 0)
		r = link_ask(shell->run_fd, "up", "io.clawos.Supervisor.Status", NULL, &up, err);
	if (r == -ENOENT || r == -ECONNREFUSED)
		return tell_stopped(shell, err);
	if (r < 0)
		return r;
	r = link_ask(shell->run_fd, "agent", "io.clawos.Agent.Status", NULL, &agent, &why);
	status = link_field(agent, "status");
	if (shell->options->json) {
		int printed = print_json(shell, up, status, err);

		return printed < 0 || r >= 0 ? printed : SHELL_FAILED;
	}
	print_head(shell, up);
	if (status) {
		print_agent(shell, status);
	} else {
		key(shell, "agent");
		shell_explain(shell, &why);
		screen_foreign(&shell->out, STYLE_BAD, r < 0 ? why.text : "does not say how it is",
			       0);
		screen_own(&shell->out, STYLE_PLAIN, "\n");
	}
	print_daemons(shell, link_field(up, "daemons"));
	return r < 0 ? SHELL_FAILED : 0;
}
