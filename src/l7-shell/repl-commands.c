/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The slash commands (L7). */
#include "base/cleanup.h"
#include "base/number.h"
#include "l7-shell/cost-report.h"
#include "l7-shell/direct.h"
#include "l7-shell/export.h"
#include "l7-shell/jobs-report.h"
#include "l7-shell/link.h"
#include "l7-shell/memory-report.h"
#include "l7-shell/model-verbs.h"
#include "l7-shell/repl-shell.h"
#include "l7-shell/repl.h"
#include "l7-shell/report.h"
#include "l7-shell/rule-verbs.h"
#include "l7-shell/status-report.h"
#include "l7-shell/stop-all.h"
#include "l7-shell/trace-report.h"

#include <stdio.h>
#include <string.h>

enum { DIRECT_BYTES_MAX = 1024 * 1024, USAGE_COLUMNS = 22 };

static int run_help(struct shell *shell, const char *const args[], struct error *err)
{
	static const char *const hints[] = {
		"!COMMAND runs a command of yours, F2 or /sh is for many of them, ?TEXT always "
		"asks the "
		"agent, ^QUESTION asks about what the last command said.",
		"Alt-Enter, or a backslash at the end, goes on in a new line.",
		"Tab completes commands, threads, tools and files, Ctrl-R searches the history.",
		"What is entered while a turn runs waits behind it; /steer does not wait.",
		"Ctrl-C interrupts the turn, Ctrl-D leaves.",
	};

	(void)args;
	(void)err;
	for (size_t i = 0; i < repl_commands.n; i++) {
		const struct command *row = &repl_commands.rows[i];
		int n = (int)(strlen(row->name) + strlen(row->usage) + 2);

		screen_own(&shell->out, STYLE_CODE, "/%s", row->name);
		screen_own(&shell->out, STYLE_PLAIN, " %s%*s %s\n", row->usage,
			   n < USAGE_COLUMNS ? USAGE_COLUMNS - n : 0, "", row->summary);
	}
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		struct flow flow;

		flow_begin(&flow, &shell->out, 0, 2);
		flow_own(&flow, STYLE_DIM, "%s", hints[i]);
		flow_end(&flow);
	}
	return 0;
}

/* A name that is taken is not a new thread. */
static int check_new(struct repl *repl, const char *name, struct error *err)
{
	bool known = false;
	int r = repl_thread_exists(repl, name, &known, err);

	if (r < 0 || !known)
		return r;
	return FAIL(err, -EEXIST, "there is a thread \"%s\" already; /thread %s goes there", name,
		    name);
}

static int run_new(struct shell *shell, const char *const args[], struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	int r = args[0] ? check_new(shell->repl, args[0], err) : 0;

	if (r < 0)
		return r;
	if (args[0])
		return repl_switch(shell->repl, args[0], err);
	r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_NULL("name"));
	if (r < 0)
		return FAIL(err, r, "new thread: %s", strerror(-r));
	r = link_ask(shell->run_fd, "agent", "io.clawos.Agent.NewThread", parameters, &reply, err);
	return r < 0 ? r
		     : repl_switch(shell->repl, link_string(link_field(reply, "thread"), "name"),
				   err);
}

static int run_thread(struct shell *shell, const char *const args[], struct error *err)
{
	if (args[0] && strcmp(args[0], shell->thread) != 0)
		return repl_switch(shell->repl, args[0], err);
	return repl_tell_thread(shell->repl, err);
}

static int run_interrupt(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	return repl_interrupt(shell->repl, err);
}

static int run_stop(struct shell *shell, const char *const args[], struct error *err)
{
	struct stop_outcome outcome;
	int r = stop_all(shell->run_fd, &outcome, err);

	(void)args;
	if (r == 0)
		stop_all_tell(&outcome, &shell->out);
	return r;
}

static int decide(struct shell *shell, const char *const args[], enum decision decision,
		  struct error *err)
{
	uint64_t question = 0;

	if (args[0] && number_parse_u64(args[0], 1, UINT64_MAX, &question) < 0)
		return FAIL(err, COMMAND_USAGE, "\"%s\" is not the number of a question", args[0]);
	return repl_decide(shell->repl, question, decision, err);
}

static int run_approve(struct shell *shell, const char *const args[], struct error *err)
{
	return decide(shell, args, DECISION_ONCE, err);
}

static int run_deny(struct shell *shell, const char *const args[], struct error *err)
{
	return decide(shell, args, DECISION_DENY, err);
}

static int run_quit(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	(void)err;
	shell->repl->quit = true;
	return 0;
}

static int run_sh(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	return repl_toggle_commands(shell->repl, err);
}

static int run_explain(struct shell *shell, const char *const args[], struct error *err)
{
	return repl_ask_about(shell->repl, args[0] ? args[0] : "", err);
}

/* The direct forms stand in the table for help and completion; the line is put together again. */
static int send_direct(struct shell *shell, const char *name, const char *rest, struct error *err)
{
	auto_buf struct buf line = BUF(DIRECT_BYTES_MAX);
	int r = buf_printf(&line, "/%s %s", name, rest ? rest : "");

	return r < 0 ? FAIL(err, r, "/%s: %s", name, strerror(-r))
		     : repl_send(shell->repl, buf_string(&line), err);
}

static int run_read(struct shell *shell, const char *const args[], struct error *err)
{
	return send_direct(shell, "read", args[0], err);
}

static int run_run(struct shell *shell, const char *const args[], struct error *err)
{
	return send_direct(shell, "run", args[0], err);
}

static int run_remember(struct shell *shell, const char *const args[], struct error *err)
{
	return send_direct(shell, "remember", args[0], err);
}

static int run_recall(struct shell *shell, const char *const args[], struct error *err)
{
	return send_direct(shell, "recall", args[0], err);
}

static int run_time(struct shell *shell, const char *const args[], struct error *err)
{
	return send_direct(shell, "time", args[0], err);
}

#define REST COMMAND_REST
static const struct command rows[] = {
	{ "help", "", "this list", 0, 0, 0, 0, run_help },
	{ "new", "[NAME]", "a new thread", 0, 1, REST, 0, run_new },
	{ "threads", "", "the threads", 0, 0, 0, 0, report_threads },
	{ "thread", "[NAME]", "go on in another thread, or name this one", 0, 1, REST, 0,
	  run_thread },
	{ "history", "[TURNS]", "the last turns of this thread", 0, 1, 0, 0, report_history },
	{ "steer", "TEXT", "say it to the turn that runs, before its next model call", 1, 1, REST,
	  0, repl_run_steer },
	{ "attach", "[FILE]", "show the model this file with the next message; - none", 0, 1, REST,
	  0, repl_run_attach },
	{ "undo", "", "take the last turn back; what its tools did stays", 0, 0, 0, 0,
	  repl_run_undo },
	{ "redo", "", "bring back what /undo took", 0, 0, 0, 0, repl_run_redo },
	{ "retry", "", "ask the last message again, in its place", 0, 0, 0, 0, repl_run_retry },
	{ "branch", "[TURN]", "go on from a turn in a thread of its own", 0, 1, 0, 0,
	  repl_run_branch },
	{ "compact", "", "summarise the turns so far; the memory keeps their words", 0, 0, 0, 0,
	  repl_run_compact },
	{ "interrupt", "", "end what runs in this thread", 0, 0, 0, 0, run_interrupt },
	{ "stop", "", "end everything the agent runs now, in every thread", 0, 0, 0, 0, run_stop },
	{ "jobs", "[ID|cancel ID]", "what works in the background, or one of it", 0, 2, 0, 0,
	  jobs_report },
	{ "tools", "", "the tools and what they do to the world", 0, 0, 0, 0, report_tools },
	{ "memory", "[PATH]", "the documents in memory, or one of them", 0, 1, 0, 0,
	  memory_report },
	{ "model", "[list|use NAME [MODEL]]", "the model that answers, and how to choose another",
	  0, 4, 0, 0, model_slash },
	{ "status", "", "daemons and agent", 0, 0, 0, 0, status_report },
	{ "trace", "[TURN]", "what a turn did, call by call", 0, 1, 0, 0, trace_report },
	{ "cost", "", "what was spent today, in this thread and its last turn, and the limits", 0,
	  0, 0, 0, cost_report },
	{ "approve", "[QUESTION]", "yes, once", 0, 1, 0, 0, run_approve },
	{ "deny", "[QUESTION]", "no", 0, 1, 0, 0, run_deny },
	{ "rules", "[add RULE|rm NUMBER]", "what is allowed, asked about, denied", 0, 1, REST, 0,
	  rules_slash },
	{ "read", "FILE", "show a file of the workspace; asks no model", 1, 1, REST, 0, run_read },
	{ "run", "COMMAND", "run a command in the cage; asks no model", 1, 1, REST, 0, run_run },
	{ "remember", "TEXT", "keep a text in memory; asks no model", 1, 1, REST, 0, run_remember },
	{ "recall", "TEXT", "search the memory; asks no model", 1, 1, REST, 0, run_recall },
	{ "time", "[ZONE]", "the time, here or in a zone; asks no model", 0, 1, REST, 0, run_time },
	{ "export", "[md|json] [FILE]", "this thread as a document, here or in a new file", 0, 2, 0,
	  0, export_thread },
	{ "sh", "", "type commands of yours (bash or dash, your rights), or messages again", 0, 0,
	  0, 0, run_sh },
	{ "explain", "[QUESTION]", "ask about what the last command said", 0, 1, REST, 0,
	  run_explain },
	{ "quit", "", "leave; what runs goes on", 0, 0, 0, 0, run_quit },
};

const struct command_table repl_commands = { rows, sizeof(rows) / sizeof(rows[0]), "/" };
