/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/verbs.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/agent-verbs.h"
#include "l7-shell/completion.h"
#include "l7-shell/config-verbs.h"
#include "l7-shell/cost-report.h"
#include "l7-shell/doctor.h"
#include "l7-shell/export.h"
#include "l7-shell/jobs-report.h"
#include "l7-shell/man-page.h"
#include "l7-shell/message-script.h"
#include "l7-shell/model-verbs.h"
#include "l7-shell/prepare.h"
#include "l7-shell/report.h"
#include "l7-shell/rule-verbs.h"
#include "l7-shell/shell.h"
#include "l7-shell/status-report.h"
#include "l7-shell/stop-all.h"
#include "l7-shell/trace-report.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { READY_FD = 3, LOG_BYTES_SHOWN = 64 * 1024, NAME_BYTES = 64, VERB_COLUMNS = 32 };

static int run_up(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	(void)err;
	return up_main(&shell->paths, shell->options->ready ? READY_FD : -1);
}

static int stop_cages(struct shell *shell, struct error *err)
{
	struct stop_outcome outcome;
	int r = shell_attach(shell, err);

	if (r == 0)
		r = stop_all(shell->run_fd, &outcome, err);
	if (r == -ENOENT || r == -ECONNREFUSED) {
		screen_own(&shell->out, STYLE_PLAIN, "was not running\n");
		return 0;
	}
	if (r == 0)
		stop_all_tell(&outcome, &shell->out);
	return r;
}

static int run_stop(struct shell *shell, const char *const args[], struct error *err)
{
	bool was_running = false;
	int r = shell->options->cages ? stop_cages(shell, err)
				      : up_stop(&shell->paths, &was_running, err);

	(void)args;
	if (r < 0 || shell->options->cages)
		return r;
	screen_own(&shell->out, STYLE_PLAIN, "%s\n", was_running ? "stopped" : "was not running");
	return 0;
}

/* The end of a log, from a whole line on. */
static int show_log(struct shell *shell, int log_fd, const char *name, struct error *err)
{
	auto_buf struct buf text = BUF(LOG_BYTES_SHOWN + 1);
	char file[NAME_BYTES];
	auto_fd int fd = -1;
	char *at;
	off_t end;
	ssize_t n;
	int r;

	if (snprintf(file, sizeof(file), "%s.log", name) >= (int)sizeof(file) || strchr(name, '/'))
		return FAIL(err, COMMAND_USAGE, "\"%s\" is not the name of a daemon", name);
	fd = dir_open_nolink(log_fd, file, O_RDONLY, 0);
	if (fd == -ENOENT)
		return FAIL(err, fd, "no \"%s\" has written a log; claw status lists the daemons",
			    name);
	if (fd < 0)
		return FAIL(err, fd, "log/%s: %s", file, strerror(-fd));
	end = lseek(fd, 0, SEEK_END);
	r = buf_reserve(&text, LOG_BYTES_SHOWN, &at);
	n = r < 0 || end < 0 ? -1
			     : pread(fd, at, LOG_BYTES_SHOWN,
				     end > LOG_BYTES_SHOWN ? end - LOG_BYTES_SHOWN : 0);
	if (n < 0)
		return FAIL(err, r < 0 ? r : -errno, "log/%s cannot be read", file);
	buf_commit(&text, (size_t)n);
	at = end > LOG_BYTES_SHOWN && text.data ? strchr(text.data, '\n') : NULL;
	screen_own(&shell->out, STYLE_BOLD, "--- %s\n", name);
	at = at ? at + 1 : text.data;
	screen_foreign_block(&shell->out, STYLE_PLAIN, at, strlen(at));
	screen_fresh_line(&shell->out);
	return 0;
}

static int run_logs(struct shell *shell, const char *const args[], struct error *err)
{
	static const char *const names[] = { "up",           "claw-sandboxd", "clawfsd",
					     "claw-egressd", "claw-llmd",     "claw-agentd" };
	auto_fd int log_fd = dir_open_nolink(shell->state_fd, "log", O_RDONLY | O_DIRECTORY, 0);
	int r = 0;

	if (log_fd < 0)
		return FAIL(err, log_fd, "%s/log: %s", shell->paths.state, strerror(-log_fd));
	if (args[0])
		return show_log(shell, log_fd, args[0], err);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++) {
		r = show_log(shell, log_fd, names[i], err);
		if (r == -ENOENT)
			r = 0; /* never started */
	}
	return r;
}

static int run_help(struct shell *shell, const char *const args[], struct error *err)
{
	(void)shell;
	return verbs_print(stdout, args[0], err);
}

static int run_version(struct shell *shell, const char *const args[], struct error *err)
{
	(void)args;
	(void)err;
	screen_own(&shell->out, STYLE_PLAIN, "claw %s\n", CLAW_VERSION);
	return 0;
}

static const struct command rows[] = {
	{ "threads", "", "the threads of this state", 0, 0, COMMAND_CONNECT, OPTION_USE_LIST,
	  report_threads },
	{ "history", "[TURNS]", "the last turns of a thread", 0, 1, COMMAND_CONNECT,
	  OPTION_USE_HISTORY, report_history },
	{ "jobs", "[ID | cancel ID]", "what works in the background; one with its log and result",
	  0, 2, COMMAND_CONNECT, OPTION_USE_LIST, jobs_report },
	{ "tools", "", "the tools, what they do to the world, what is asked about", 0, 0,
	  COMMAND_CONNECT, OPTION_USE_LIST, report_tools },
	{ "status", "", "the daemons and the agent; starts nothing (exit 3: the system is stopped)",
	  0, 0, 0, OPTION_USE_LIST, status_report },
	{ "trace", "[TURN]",
	  "the last turn, or that one, in full: model and tool calls, timings; --all lists them", 0,
	  1, COMMAND_CONNECT, OPTION_USE_TRACE, trace_report },
	{ "cost", "",
	  "what was spent at providers today, in a thread and in its last turn, and the limits", 0,
	  0, COMMAND_CONNECT, OPTION_USE_LIST, cost_report },
	{ "prepare", "", "wait until the local model is ready for the first question", 0, 0,
	  COMMAND_CONNECT, OPTION_USE_OTHER, prepare_run },
	{ "doctor", "", "each layer in force, degraded or absent, and what that means", 0, 0, 0,
	  OPTION_USE_OTHER, doctor_run },
	{ "model", "[list|test|use NAME [MODEL]]",
	  "the model that answers; the providers; try it; choose another one", 0, 4, 0,
	  OPTION_USE_OTHER, model_verb },
	{ "rules", "[add RULE|set NUMBER RULE|rm NUMBER]",
	  "what the agent may do unasked, what is asked about, what is denied", 0, COMMAND_ARGS_MAX,
	  COMMAND_CONNECT, OPTION_USE_LIST, rules_verb },
	{ "config", "show|check|import FILE", "the configuration; import takes an .env file", 1, 2,
	  0, OPTION_USE_OTHER, config_verb },
	{ "import-env", "FILE", "take over an .env file, as config import does", 1, 1, 0,
	  OPTION_USE_OTHER, config_import },
	{ "run", "FILE",
	  "the lines of a file as messages, one after the other; \"-\": standard input", 1, 1,
	  COMMAND_CONNECT, OPTION_USE_SCRIPT, message_script_run },
	{ "export", "[md|json] [FILE]",
	  "a thread as a document, on standard output or in a new file", 0, 2, COMMAND_CONNECT,
	  OPTION_USE_HISTORY, export_thread },
	{ "logs", "[DAEMON]", "the ends of the daemons' logs", 0, 1, 0, OPTION_USE_OTHER,
	  run_logs },
	{ "agent", "[list|show NAME|new NAME|rm NAME]",
	  "the agents; each has its own threads, memory, workspace, model and tools", 0, 2, 0,
	  OPTION_USE_OTHER, agent_verb },
	{ "up", "", "be the supervisor, in the foreground", 0, 0, 0, OPTION_USE_UP, run_up },
	{ "stop", "", "stop the system in order; --cages: only what the agent runs now", 0, 0, 0,
	  OPTION_USE_STOP, run_stop },
	{ "completion", "bash|zsh|fish", "completion of this command line, for a shell to read", 1,
	  1, 0, OPTION_USE_OTHER, completion_print },
	{ "man", "", "the manual page, as man(1) reads it: claw man | man -l -", 0, 0, 0,
	  OPTION_USE_OTHER, man_page_print },
	{ "help", "[VERB]", "this text, or what a verb takes", 0, 1, 0, OPTION_USE_OTHER,
	  run_help },
	{ "version", "", "the version", 0, 0, 0, OPTION_USE_OTHER, run_version },
};

const struct command_table verbs_table = { rows, sizeof(rows) / sizeof(rows[0]), "claw " };

static int print_verb(FILE *out, const char *name, struct error *err)
{
	const struct command *row = command_find(&verbs_table, name);

	if (!row)
		return command_unknown(&verbs_table, name, err);
	fprintf(out, "usage: claw %s%s%s\n%s\n\noptions:\n", row->name, *row->usage ? " " : "",
		row->usage, row->summary);
	options_print(out, row->uses);
	return 0;
}

int verbs_print(FILE *out, const char *name, struct error *err)
{
	if (name)
		return print_verb(out, name, err);
	fprintf(out,
		"usage: claw [OPTIONS]              talk to the agent\n"
		"       claw [OPTIONS] -m TEXT      ask once; standard input is context\n"
		"       claw VERB [ARGUMENTS]\n"
		"       claw -l                     talk to the agent, as the shell of an account\n"
		"       claw [-l] -c TEXT, claw ./SCRIPT  what sh does with them, without the "
		"system\n\nverbs:\n");
	for (size_t i = 0; i < verbs_table.n; i++) {
		int n = fprintf(out, "  %s %s", rows[i].name, rows[i].usage);

		fprintf(out, "%*s %s\n", n < VERB_COLUMNS ? VERB_COLUMNS - n : 0, "",
			rows[i].summary);
	}
	fprintf(out, "\noptions:\n");
	options_print(out, OPTION_USE_ALL);
	return 0;
}
