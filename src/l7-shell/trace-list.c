/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/trace-list.h"

#include "base/cleanup.h"
#include "l7-shell/command.h"
#include "l7-shell/link.h"
#include "l7-shell/report.h"

#include <string.h>

enum { TURNS_SHOWN_MAX = 1000, STATE_COLUMNS = 12, AGE_COLUMNS = 12, TEXT_COLUMNS_MIN = 20 };
enum { OTHER_COLUMNS = 7 + STATE_COLUMNS + AGE_COLUMNS + 6 };

static size_t elements(sd_json_variant *array)
{
	return array && sd_json_variant_is_array(array) ? sd_json_variant_elements(array) : 0;
}

static int ask_turns(struct shell *shell, const char *thread, unsigned limit, sd_json_variant **ret,
		     struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", thread),
			       SD_JSON_BUILD_PAIR_UNSIGNED("limit", limit));

	if (r < 0)
		return FAIL(err, r, "trace: %s", strerror(-r));
	return link_ask(shell->run_fd, "agent", "io.clawos.Agent.History", parameters, ret, err);
}

static void print_turn(struct screen *out, sd_json_variant *turn)
{
	const char *state = link_string(turn, "state");
	size_t room = out->columns > OTHER_COLUMNS + TEXT_COLUMNS_MIN ? out->columns - OTHER_COLUMNS
								      : TEXT_COLUMNS_MIN;

	screen_own(out, STYLE_BOLD, "%6lld ", (long long)link_integer(turn, "turn"));
	report_cell(out, strcmp(state, "done") == 0 ? STYLE_GOOD : STYLE_BAD, state, STATE_COLUMNS);
	report_age(out, (uint64_t)link_integer(turn, "timeUsec"), AGE_COLUMNS);
	screen_own(out, STYLE_PLAIN, "  ");
	screen_foreign(out, STYLE_PLAIN, link_string(turn, "text"), room);
	screen_own(out, STYLE_PLAIN, "\n");
}

/* *all collects the turns for --json; NULL: they are printed. */
static int list_thread(struct shell *shell, const char *thread, sd_json_variant **all,
		       struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *turns;
	int r = ask_turns(shell, thread, TURNS_SHOWN_MAX, &reply, err);

	turns = link_field(reply, "turns");
	if (r >= 0 && !all) {
		screen_own(&shell->out, STYLE_DIM, "thread ");
		screen_foreign(&shell->out, STYLE_BOLD, thread, 0);
		screen_own(&shell->out, STYLE_PLAIN, "\n");
	}
	for (size_t i = 0; r >= 0 && i < elements(turns); i++) {
		sd_json_variant *turn = sd_json_variant_by_index(turns, i);

		if (!all)
			print_turn(&shell->out, turn);
		else
			r = sd_json_variant_append_arraybo(
				all, SD_JSON_BUILD_PAIR_STRING("thread", thread),
				SD_JSON_BUILD_PAIR_VARIANT("turn", link_field(turn, "turn")),
				SD_JSON_BUILD_PAIR_VARIANT("state", link_field(turn, "state")),
				SD_JSON_BUILD_PAIR_VARIANT("timeUsec",
							   link_field(turn, "timeUsec")),
				SD_JSON_BUILD_PAIR_VARIANT("text", link_field(turn, "text")));
	}
	return r;
}

static int list_all(struct shell *shell, sd_json_variant **all, struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *threads;
	int r;

	if (shell->options->thread)
		return list_thread(shell, shell->options->thread, all, err);
	r = link_ask(shell->run_fd, "agent", "io.clawos.Agent.Threads", NULL, &reply, err);
	threads = link_field(reply, "threads");
	for (size_t i = 0; r >= 0 && i < elements(threads); i++)
		r = list_thread(shell, link_string(sd_json_variant_by_index(threads, i), "name"),
				all, err);
	return r;
}

int trace_list(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *all = NULL, *reply = NULL;
	bool json = shell->options->json;
	int r;

	if (args[0])
		return FAIL(err, COMMAND_USAGE, "--all lists the turns; \"%s\" is one of them",
			    args[0]);
	r = sd_json_variant_new_array(&all, NULL, 0);
	if (r >= 0)
		r = list_all(shell, json ? &all : NULL, err);
	if (r >= 0 && json)
		r = sd_json_buildo(&reply, SD_JSON_BUILD_PAIR_VARIANT("turns", all));
	if (r < 0)
		return err->code < 0 ? r : FAIL(err, r, "trace: %s", strerror(-r));
	return json ? report_json(shell, reply, err) : 0;
}

int trace_list_last(struct shell *shell, uint64_t *ret, struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	sd_json_variant *turns;
	int r = ask_turns(shell, shell->thread, 1, &reply, err);

	if (r < 0)
		return r;
	turns = link_field(reply, "turns");
	if (elements(turns) == 0)
		return FAIL(err, -ENOENT, "the thread \"%s\" has no turns yet", shell->thread);
	*ret = (uint64_t)link_integer(sd_json_variant_by_index(turns, 0), "turn");
	return 0;
}
