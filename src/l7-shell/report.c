/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/report.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/number.h"
#include "l7-shell/command.h"
#include "l7-shell/glyph.h"
#include "l7-shell/link.h"
#include "l7-shell/sanitise.h"
#include "l7-shell/time-words.h"
#include "l7-shell/tool-line.h"

#include <stdio.h>
#include <string.h>

enum {
	JSON_BYTES_MAX = 64 * 1024 * 1024,
	NAME_COLUMNS = 20,
	STATE_COLUMNS = 12,
	EFFECT_COLUMNS = 9,
	CELL_BYTES_MAX = 4096,
	HISTORY_DEFAULT = 10,
	HISTORY_MAX = 1000,
	QUESTION_COLUMNS_MIN = 20,
};

void report_cell(struct screen *screen, unsigned style, const char *text, size_t columns)
{
	auto_buf struct buf shown = BUF(CELL_BYTES_MAX);
	size_t used;

	if (sanitise_text(text, strnlen(text, CELL_BYTES_MAX / 16), SANITISE_LINE, &shown) < 0)
		return;
	used = glyph_text_width(buf_string(&shown), shown.length);
	screen_foreign(screen, style, text, columns);
	if (used < columns)
		screen_own(screen, STYLE_PLAIN, "%*s", (int)(columns - used), "");
	screen_own(screen, STYLE_PLAIN, " ");
}

int report_json(struct shell *shell, sd_json_variant *reply, struct error *err)
{
	auto_buf struct buf line = BUF(JSON_BYTES_MAX);
	auto_free char *text = NULL;
	int r = link_format(reply, &text);

	if (r >= 0)
		r = sanitise_json(text, &line);
	if (r >= 0)
		r = buf_add_char(&line, '\n');
	if (r < 0)
		return FAIL(err, r, "writing JSON: %s", strerror(-r));
	screen_put(&shell->out, STYLE_PLAIN, line.data, line.length);
	return 0;
}

static int ask(struct shell *shell, const char *method, sd_json_variant *parameters,
	       sd_json_variant **ret, struct error *err)
{
	return link_ask(shell->run_fd, "agent", method, parameters, ret, err);
}

static size_t elements(sd_json_variant *array)
{
	return array && sd_json_variant_is_array(array) ? sd_json_variant_elements(array) : 0;
}

void report_right(struct screen *screen, unsigned style, const char *text, size_t columns)
{
	size_t used = glyph_text_width(text, strlen(text));

	screen_own(screen, style, "%*s%s", used < columns ? (int)(columns - used) : 0, "", text);
}

void report_age(struct screen *screen, uint64_t then_us, size_t columns)
{
	uint64_t now = clock_realtime_us(),
		 s = now > then_us ? (now - then_us) / CLOCK_SECOND_US : 0;
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	char text[TOOL_LINE_SPAN_BYTES] = "just now";

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (s < units[i].seconds)
			continue;
		(void)snprintf(text, sizeof(text), "%llu %s ago",
			       (unsigned long long)(s / units[i].seconds), units[i].name);
		break;
	}
	report_right(screen, STYLE_DIM, text, columns);
}

static bool is_job(sd_json_variant *thread)
{
	const char *kind = link_string(thread, "kind");

	return strcmp(kind, "job") == 0 || strcmp(kind, "subagent") == 0;
}

int report_threads(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *threads;
	int r = ask(shell, "io.clawos.Agent.Threads", NULL, &reply, err);

	(void)args;
	if (r < 0)
		return r;
	if (shell->options->json)
		return report_json(shell, reply, err);
	threads = link_field(reply, "threads");
	if (elements(threads) == 0)
		screen_own(&shell->out, STYLE_DIM, "no threads yet\n");
	for (size_t i = 0; i < elements(threads); i++) {
		sd_json_variant *thread = sd_json_variant_by_index(threads, i);

		if (is_job(thread))
			continue; /* claw jobs shows it */
		report_cell(&shell->out, STYLE_BOLD, link_string(thread, "name"), NAME_COLUMNS);
		report_cell(&shell->out, STYLE_PLAIN, link_string(thread, "state"), STATE_COLUMNS);
		screen_own(&shell->out, STYLE_PLAIN, "%4lld turn%s  ",
			   (long long)link_integer(thread, "turns"),
			   link_integer(thread, "turns") == 1 ? " " : "s");
		screen_foreign(&shell->out, STYLE_PLAIN, link_string(thread, "title"),
			       QUESTION_COLUMNS_MIN * 2);
		screen_own(&shell->out, STYLE_PLAIN, "  ");
		report_age(&shell->out, (uint64_t)link_integer(thread, "updatedUsec"), 0);
		screen_own(&shell->out, STYLE_PLAIN, "\n");
	}
	return 0;
}

/* What the person added while the turn ran. */
static void print_steers(struct shell *shell, sd_json_variant *steers)
{
	for (size_t i = 0; i < elements(steers); i++) {
		sd_json_variant *steer = sd_json_variant_by_index(steers, i);
		const char *text =
			sd_json_variant_is_string(steer) ? sd_json_variant_string(steer) : "";

		screen_own(&shell->out, STYLE_BOLD, "  > ");
		screen_foreign_block(&shell->out, STYLE_BOLD, text, strlen(text));
		screen_fresh_line(&shell->out);
	}
}

static void print_turn(struct shell *shell, sd_json_variant *turn)
{
	sd_json_variant *tools = link_field(turn, "tools");
	const char *state = link_string(turn, "state"), *answer = link_string(turn, "answer");
	auto_buf struct buf words = BUF(CELL_BYTES_MAX);

	screen_own(&shell->out, STYLE_DIM, "%lld %s", (long long)link_integer(turn, "turn"),
		   link_boolean(turn, "undone") ? "(undone) " : "");
	screen_own(&shell->out, STYLE_BOLD, "> ");
	screen_foreign_block(&shell->out, STYLE_BOLD, link_string(turn, "text"),
			     strlen(link_string(turn, "text")));
	screen_fresh_line(&shell->out);
	for (size_t i = 0; i < elements(tools); i++) {
		sd_json_variant *tool = sd_json_variant_by_index(tools, i);
		bool ok = link_boolean(tool, "ok");

		tool_line_start(&shell->out, link_string(tool, "name"),
				link_field(tool, "arguments"), 0);
		screen_own(&shell->out, ok ? STYLE_GOOD : STYLE_BAD, " %s\n", ok ? "ok" : "failed");
	}
	print_steers(shell, link_field(turn, "steers"));
	if (link_integer(turn, "until") > 0)
		screen_own(&shell->out, STYLE_DIM, "  turns %lld to %lld were summarised\n",
			   (long long)link_integer(turn, "from"),
			   (long long)link_integer(turn, "until"));
	if (strcmp(link_string(turn, "tool"), "time") == 0 && time_words(answer, &words) > 0)
		answer = buf_string(&words);
	screen_foreign_block(&shell->out, STYLE_PLAIN, answer, strlen(answer));
	screen_fresh_line(&shell->out);
	if (strcmp(state, "done") == 0)
		return;
	screen_foreign(&shell->out, STYLE_BAD, state, 0);
	screen_own(&shell->out, STYLE_BAD, "%s", *link_string(turn, "reason") ? ": " : "");
	screen_foreign(&shell->out, STYLE_BAD, link_string(turn, "reason"), 0);
	screen_own(&shell->out, STYLE_PLAIN, "\n");
}

int report_history(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	uint64_t limit = HISTORY_DEFAULT;
	sd_json_variant *turns;
	int r;

	if (args[0] && number_parse_u64(args[0], 1, HISTORY_MAX, &limit) < 0)
		return FAIL(err, COMMAND_USAGE, "history shows 1 to %d turns", HISTORY_MAX);
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", shell->thread),
			   SD_JSON_BUILD_PAIR_UNSIGNED("limit", limit));
	if (r < 0)
		return FAIL(err, r, "history: %s", strerror(-r));
	r = ask(shell, "io.clawos.Agent.History", parameters, &reply, err);
	if (r < 0)
		return r;
	if (shell->options->json)
		return report_json(shell, reply, err);
	turns = link_field(reply, "turns");
	if (elements(turns) == 0)
		screen_own(&shell->out, STYLE_DIM, "no turns in this thread yet\n");
	for (size_t i = 0; i < elements(turns); i++)
		print_turn(shell, sd_json_variant_by_index(turns, i));
	return 0;
}

int report_tools(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *tools;
	int r = ask(shell, "io.clawos.Agent.Tools", NULL, &reply, err);
	size_t used = NAME_COLUMNS + EFFECT_COLUMNS + 8, room = shell->out.columns;

	(void)args;
	if (r < 0)
		return r;
	if (shell->options->json)
		return report_json(shell, reply, err);
	room = room > used + QUESTION_COLUMNS_MIN ? room - used : QUESTION_COLUMNS_MIN;
	if (!shell->out.terminal)
		room = 0; /* whole */
	tools = link_field(reply, "tools");
	for (size_t i = 0; i < elements(tools); i++) {
		sd_json_variant *tool = sd_json_variant_by_index(tools, i);

		report_cell(&shell->out, STYLE_CODE, link_string(tool, "name"), NAME_COLUMNS - 4);
		report_cell(&shell->out, STYLE_PLAIN, link_string(tool, "effect"), EFFECT_COLUMNS);
		report_cell(&shell->out, STYLE_PLAIN, link_string(tool, "policy"), 6);
		screen_foreign(&shell->out, STYLE_DIM, link_string(tool, "description"), room);
		screen_own(&shell->out, STYLE_PLAIN, "\n");
	}
	return 0;
}
