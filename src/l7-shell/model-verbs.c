/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/model-verbs.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l6-agent/provider-config.h"
#include "l7-shell/command.h"
#include "l7-shell/link.h"
#include "l7-shell/model-choice.h"
#include "l7-shell/once.h"
#include "l7-shell/report.h"
#include "l7-shell/status-report.h"
#include "l7-shell/trace-report.h"
#include "l7-shell/up-config.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 18, MODEL_COLUMNS = 40, WINDOW_COLUMNS = 9, PRICE_COLUMNS = 15, CELL = 64 };
enum { MILLION = 1000000, THOUSAND = 1000, CENT = 10000 };

static const char test_thread[] = "model-test";
static const char test_message[] =
	"This is a test of the connection. Call the tool echo once with the message \"ready\". "
	"When "
	"you have its result, answer with one short sentence that says what it returned.";

static int run_now(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	int r = shell_connect(shell, err);
	struct flow flow;

	(void)args;
	if (r >= 0)
		r = link_ask(shell->run_fd, "agent", "io.clawos.Agent.Status", NULL, &reply, err);
	if (r < 0)
		return r;
	flow_begin(&flow, &shell->out, 0, 2);
	status_tell_model(shell, link_field(reply, "status"), &flow);
	flow_end(&flow);
	flow_begin(&flow, &shell->out, 0, 2);
	flow_own(&flow, STYLE_DIM, "%smodel list shows the others", shell->repl ? "/" : "claw ");
	flow_own(&flow, STYLE_DIM, "%smodel use NAME [MODEL] chooses", shell->repl ? "/" : "claw ");
	flow_end(&flow);
	return 0;
}

static void tell_window(struct screen *out, uint64_t tokens)
{
	char text[CELL] = "-";

	if (tokens >= MILLION)
		(void)snprintf(text, sizeof(text), "%llu M", (unsigned long long)tokens / MILLION);
	else if (tokens > 0)
		(void)snprintf(text, sizeof(text), "%llu k", (unsigned long long)tokens / THOUSAND);
	report_right(out, STYLE_PLAIN, text, WINDOW_COLUMNS);
}

static void tell_price(struct screen *out, const struct provider_row *row)
{
	char text[CELL] = "-";

	if (row->price_in == 0 && row->price_out == 0)
		(void)snprintf(text, sizeof(text), "free");
	else if (row->price_in != UINT64_MAX && row->price_out != UINT64_MAX)
		(void)snprintf(text, sizeof(text), "$%llu.%02llu/$%llu.%02llu",
			       (unsigned long long)(row->price_in / MILLION),
			       (unsigned long long)(row->price_in % MILLION / CENT),
			       (unsigned long long)(row->price_out / MILLION),
			       (unsigned long long)(row->price_out % MILLION / CENT));
	report_right(out, STYLE_PLAIN, text, PRICE_COLUMNS);
}

/* The last column: what is missing, or that it is the one. */
static void tell_state(struct shell *shell, const struct provider_row *row, bool is_chosen)
{
	const char *value = row->key_variable ? getenv(row->key_variable) : NULL;

	if (is_chosen)
		screen_own(&shell->out, STYLE_GOOD, "  chosen");
	else if (row->protocol == PROTOCOL_LOCAL && !shell->paths.model)
		screen_own(&shell->out, STYLE_DIM, "  no file");
	else if (provider_needs_key(row) && !(value && *value) &&
		 !model_choice_has_key_file(shell, row))
		screen_own(&shell->out, STYLE_DIM, "  needs %s", row->key_variable);
	screen_own(&shell->out, STYLE_PLAIN, "\n");
}

static int run_list(struct shell *shell, const char *const args[], struct error *err)
{
	CLEANUP(up_config_free) struct up_config config = { 0 };
	struct screen *out = &shell->out;
	const char *chosen, *model;
	int r = model_choice_load(shell, &config, NULL, err);

	(void)args;
	if (r < 0)
		return r;
	chosen = up_config_get(&config, "provider", "backend");
	model = up_config_get(&config, "provider", "model");
	screen_own(out, STYLE_DIM, "%-*s %-*s %*s%*s\n", NAME_COLUMNS, "provider", MODEL_COLUMNS,
		   "model", WINDOW_COLUMNS, "window", PRICE_COLUMNS, "$ in/out per M");
	for (size_t i = 0; i < provider_count; i++) {
		const struct provider_row *row = &provider_table[i];
		bool is_chosen = strcmp(row->name, chosen) == 0;
		const char *named = is_chosen && model ? model : row->model;

		report_cell(out, STYLE_BOLD, row->name, NAME_COLUMNS);
		report_cell(out, STYLE_PLAIN, named ? named : "-", MODEL_COLUMNS);
		/* figures are of the provider's default model */
		tell_window(out, named == row->model ? row->window : 0);
		if (named == row->model || row->price_in == 0)
			tell_price(out, row);
		else
			report_right(out, STYLE_PLAIN, "-", PRICE_COLUMNS);
		tell_state(shell, row, is_chosen);
	}
	return 0;
}

static int run_use(struct shell *shell, const char *const args[], struct error *err)
{
	int r = model_choice_make(shell, args[0], args[1], args[1] ? args[2] : NULL, err);

	return r < 0 ? r : run_now(shell, args, err);
}

/* One turn with one call, and its figures. */
static int run_test(struct shell *shell, const char *const args[], struct error *err)
{
	static const char *const last[] = { NULL };
	const struct options *given = shell->options;
	struct options options = *given;
	int status, r = shell_connect(shell, err);

	(void)args;
	if (r >= 0)
		r = shell_set_thread(shell, test_thread, err);
	if (r < 0)
		return r;
	options.message = test_message;
	options.thread = test_thread;
	shell->options = &options;
	status = once_ask(shell, shell->options->message, true, err);
	r = status < 0 ? status : trace_report(shell, last, err);
	shell->options = given;
	return r < 0 ? r : status;
}

static const struct command rows[] = {
	{ "list", "", "the providers, their models and prices, and what each needs", 0, 0, 0, 0,
	  run_list },
	{ "use", "NAME [MODEL [BASE_URL]]", "let that provider answer from now on", 1, 3, 0, 0,
	  run_use },
	{ "test", "", "ask the model for one call and one sentence", 0, 0, 0, 0, run_test },
};

int model_verb(struct shell *shell, const char *const args[], struct error *err)
{
	static const struct command_table table = { rows, sizeof(rows) / sizeof(rows[0]),
						    "claw model " };

	return args[0] ? command_dispatch(&table, shell, args, err) : run_now(shell, args, err);
}

int model_slash(struct shell *shell, const char *const args[], struct error *err)
{
	static const struct command_table table = { rows, sizeof(rows) / sizeof(rows[0]) - 1,
						    "/model " };

	return args[0] ? command_dispatch(&table, shell, args, err) : run_now(shell, args, err);
}
