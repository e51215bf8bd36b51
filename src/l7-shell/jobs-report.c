/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/jobs-report.h"

#include "l7-shell/command.h"
#include "l7-shell/link.h"
#include "l7-shell/report.h"

#include <string.h>

enum { ID_COLUMNS = 10, STATE_COLUMNS = 12, TITLE_COLUMNS = 40 };

static int ask(struct shell *shell, const char *job, sd_json_variant **ret, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_CONDITION(
						    job != NULL, "job", SD_JSON_BUILD_STRING(job)));

	return r < 0 ? FAIL(err, r, "jobs: %s", strerror(-r))
		     : link_ask(shell->run_fd, "agent", "io.clawos.Agent.Jobs", parameters, ret,
				err);
}

static unsigned style_of(const char *state)
{
	if (strcmp(state, "completed") == 0)
		return STYLE_GOOD;
	return strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0 ? STYLE_BAD
									       : STYLE_PLAIN;
}

static void print_row(struct screen *out, sd_json_variant *job)
{
	const char *state = link_string(job, "state");

	report_cell(out, STYLE_BOLD, link_string(job, "id"), ID_COLUMNS);
	report_cell(out, style_of(state), state, STATE_COLUMNS);
	screen_own(out, STYLE_PLAIN, "%lld of %lld calls  ",
		   (long long)link_integer(job, "modelCalls"),
		   (long long)link_integer(job, "modelCallsMax"));
	screen_foreign(out, STYLE_PLAIN, link_string(job, "title"), TITLE_COLUMNS);
	screen_own(out, STYLE_PLAIN, "  ");
	report_age(out, (uint64_t)link_integer(job, "updatedUsec"), 0);
	screen_own(out, STYLE_PLAIN, "\n");
	if (link_boolean(job, "asks")) {
		screen_own(out, STYLE_BAD, "  asks you: /thread ");
		screen_foreign(out, STYLE_BAD, link_string(job, "id"), 0);
		screen_own(out, STYLE_BAD, " shows the question\n");
	}
}

static void print_text(struct screen *out, unsigned style, sd_json_variant *job, const char *key)
{
	const char *text = link_string(job, key);

	screen_foreign_block(out, style, text, strlen(text));
	screen_fresh_line(out);
}

static int cancel(struct shell *shell, const char *id, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL, *known = NULL;
	int r = ask(shell, id, &known, err); /* a thread that is no job is not ended by this */

	if (r < 0)
		return r;
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", id));
	if (r < 0)
		return FAIL(err, r, "jobs: %s", strerror(-r));
	r = link_ask(shell->run_fd, "agent", "io.clawos.Agent.Interrupt", parameters, &reply, err);
	if (r < 0)
		return r;
	screen_own(&shell->out, STYLE_PLAIN, "%s\n",
		   link_field(reply, "turn") ? "cancelled" : "it was over already");
	return 0;
}

int jobs_report(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *jobs;
	size_t n;
	int r;

	if (args[0] && strcmp(args[0], "cancel") == 0)
		return args[1] ? cancel(shell, args[1], err)
			       : FAIL(err, COMMAND_USAGE, "jobs cancel takes the name of a job");
	if (args[0] && args[1])
		return FAIL(err, COMMAND_USAGE, "jobs %s takes nothing more", args[0]);
	r = ask(shell, args[0], &reply, err);
	if (r < 0)
		return r;
	if (shell->options->json)
		return report_json(shell, reply, err);
	jobs = link_field(reply, "jobs");
	n = jobs && sd_json_variant_is_array(jobs) ? sd_json_variant_elements(jobs) : 0;
	if (n == 0)
		screen_own(&shell->out, STYLE_DIM, "no jobs yet\n");
	for (size_t i = 0; i < n; i++) {
		sd_json_variant *job = sd_json_variant_by_index(jobs, i);

		print_row(&shell->out, job);
		if (!args[0])
			continue;
		print_text(&shell->out, STYLE_DIM, job, "log");
		print_text(&shell->out, STYLE_PLAIN, job, "result");
	}
	return 0;
}
