/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/repl.h"

#include "base/cleanup.h"
#include "l7-shell/direct.h"
#include "l7-shell/glyph.h"
#include "l7-shell/line-editor.h"
#include "l7-shell/link.h"
#include "l7-shell/sanitise.h"
#include "l7-shell/session.h"
#include "l7-shell/status-report.h"
#include "l7-shell/view.h"
#include "l7-shell/workspace.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
	LINE_BYTES_MAX = 1024 * 1024,
	ROWS_BYTES_MAX = 256 * 1024,
	NAME_COLUMNS = 24,
	QUEUED_BYTES_MAX = 256,
};

static void flush(struct repl *repl)
{
	if (screen_flush(&repl->shell->out, NULL) < 0)
		repl->quit = true; /* the terminal is gone */
}

void repl_hide(struct repl *repl)
{
	line_editor_hide(repl->editor);
}

/* The messages that wait behind the turn that runs. */
static int add_queued(struct repl *repl, struct buf *rows)
{
	int r = 0;

	for (size_t i = 1; i < repl->n_watched && r == 0; i++) {
		const char *text = repl->watched[i].text;

		if (!text)
			continue;
		r = buf_add_string(rows, "  queued: ");
		if (r == 0)
			r = sanitise_text(text, strnlen(text, QUEUED_BYTES_MAX), SANITISE_LINE,
					  rows);
		if (r == 0)
			r = buf_add_char(rows, '\n');
	}
	return r;
}

/* The prompt names the thread when it is not the usual one. */
static int make_prompt(struct repl *repl, struct buf *prompt)
{
	const char *thread = repl->shell->thread;
	int r = 0;

	if (strcmp(thread, "main") != 0) {
		r = sanitise_text(thread, strnlen(thread, QUEUED_BYTES_MAX), SANITISE_LINE, prompt);
		if (r == 0)
			buf_truncate(prompt,
				     glyph_fit(buf_string(prompt), prompt->length, NAME_COLUMNS));
		if (r == 0)
			r = buf_add_char(prompt, ' ');
	}
	return r < 0 ? r : buf_add_string(prompt, REPL_PROMPT);
}

void repl_show(struct repl *repl)
{
	auto_buf struct buf rows = BUF(ROWS_BYTES_MAX), prompt = BUF(ROWS_BYTES_MAX);
	struct screen *out = &repl->shell->out;
	int r;

	if (!repl_is_running(repl)) {
		screen_settle(out);
		screen_fresh_line(out);
	} else if (!out->has_status) {
		view_wait(repl->view);
	}
	flush(repl);
	r = add_queued(repl, &rows);
	if (r == 0)
		r = make_prompt(repl, &prompt);
	if (r == 0)
		r = line_editor_set_above(repl->editor, buf_string(&rows));
	if (r == 0)
		r = line_editor_set_prompt(repl->editor, buf_string(&prompt));
	if (r < 0)
		repl->quit = true; /* no memory */
	line_editor_set_dormant(repl->editor, repl_is_running(repl));
	if (repl->caught_up || repl_is_running(repl))
		line_editor_show(repl->editor);
}

void repl_complain(struct repl *repl, const struct error *err)
{
	struct flow flow;

	view_pause(repl->view);
	screen_fresh_line(&repl->shell->out);
	flow_begin(&flow, &repl->shell->out, 0, 2);
	flow_foreign(&flow, STYLE_BAD, "", err->text);
	flow_end(&flow);
}

void repl_step(struct repl *repl)
{
	if (sd_event_run(repl->event, UINT64_MAX) < 0)
		repl->quit = true;
}

/* While a turn runs: the first interrupts it, the second stops watching it; what is being typed
 * stays. At the prompt: a new line. */
static int on_interrupt_key(sd_event_source *source, const struct signalfd_siginfo *info,
			    void *data)
{
	struct repl *repl = data;
	struct error err = { 0 };

	(void)source;
	(void)info;
	if (!repl_is_running(repl)) {
		line_editor_drop(repl->editor);
		return 0;
	}
	repl_hide(repl);
	if (repl->interrupting) {
		repl_let_go(repl);
	} else {
		repl->interrupting = true;
		if (repl_interrupt(repl, &err) < 0)
			repl_complain(repl, &err);
	}
	repl_show(repl);
	return 0;
}

static int on_end(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct repl *repl = data;

	(void)source;
	(void)info;
	repl->quit = true;
	return 0;
}

static int on_resize(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct repl *repl = data;

	(void)source;
	(void)info;
	screen_measure(&repl->shell->out);
	view_resize(repl->view);
	line_editor_resize(repl->editor);
	return 0;
}

/* Ctrl-Z: the terminal is the shell's behind us until we go on. */
static int on_suspend(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct repl *repl = data;

	(void)source;
	(void)info;
	line_editor_pause(repl->editor);
	(void)kill(getpid(), SIGSTOP);
	screen_measure(&repl->shell->out);
	line_editor_resume(repl->editor);
	return 0;
}

static int watch_signals(struct repl *repl, struct error *err)
{
	static const struct {
		int number;
		sd_event_signal_handler_t act;
	} rows[] = {
		{ SIGINT, on_interrupt_key }, { SIGTERM, on_end },     { SIGHUP, on_end },
		{ SIGWINCH, on_resize },      { SIGTSTP, on_suspend },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = sd_event_add_signal(repl->event, NULL,
					    rows[i].number | SD_EVENT_SIGNAL_PROCMASK, rows[i].act,
					    repl);

		if (r < 0)
			return FAIL(err, r, "signals: %s", strerror(-r));
	}
	return 0;
}

/* A command that was typed below an answer stands in front of what it says. */
static void echo(struct repl *repl, const char *line)
{
	auto_buf struct buf prompt = BUF(ROWS_BYTES_MAX);

	view_pause(repl->view);
	screen_settle(&repl->shell->out);
	if (repl->line_shown || make_prompt(repl, &prompt) < 0)
		return;
	screen_put(&repl->shell->out, STYLE_BOLD, prompt.data, prompt.length);
	screen_foreign(&repl->shell->out, STYLE_PLAIN, line, 0);
	screen_put(&repl->shell->out, STYLE_PLAIN, "\n", 1);
}

static void obey(struct repl *repl, char *line)
{
	auto_buf struct buf typed = BUF(LINE_BYTES_MAX);
	struct error err = { 0 };
	int r;

	if (line[strspn(line, " \t\n")] == '\0')
		return;
	repl_hide(repl);
	r = buf_add_string(&typed, line);
	/* a direct form becomes a turn, which the view shows when it begins */
	if (line[0] == '/' && !direct_find(line))
		echo(repl, line);
	if (r == 0 && line[0] == '/')
		r = command_line(&repl_commands, repl->shell, line + 1, &err);
	else if (r == 0)
		r = repl_send(repl, line, &err);
	if (r >= 0)
		return;
	if (line[0] != '/' || direct_find(buf_string(&typed)))
		echo(repl, buf_string(&typed));
	shell_explain(repl->shell, &err);
	repl_complain(repl, &err);
}

/* Nobody starts a system that was stopped but a person who has something to say. */
static int recover(struct repl *repl, struct error *err)
{
	int r = shell_reconnect(repl->shell, err);

	return r < 0 ? r : repl_follow(repl, err);
}

static int loop(struct repl *repl, struct error *err)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);
	int r = repl_follow(repl, err);

	while (r >= 0 && !repl->quit) {
		if (repl->n_questions > 0 && repl_is_running(repl) && !repl->interrupting) {
			repl_ask(repl);
		} else if (line_editor_take(repl->editor, &line, &repl->line_shown)) {
			if (repl->lost && strncmp(buf_string(&line), "/quit", strlen("/quit")) != 0)
				r = recover(repl, err);
			if (r >= 0)
				obey(repl, line.data ? line.data : (char[]){ "" });
		} else if (line_editor_has_ended(repl->editor)) {
			repl->quit = true;
		} else {
			repl_show(repl);
			repl_step(repl);
		}
	}
	return r;
}

static void leave(struct repl *repl)
{
	repl_hide(repl);
	screen_settle(&repl->shell->out);
	screen_fresh_line(&repl->shell->out);
	if (repl_is_running(repl)) {
		view_pause(repl->view);
		screen_own(&repl->shell->out, STYLE_DIM,
			   "turn %llu goes on; the next claw shows it\n",
			   (unsigned long long)repl->watched[0].turn);
	}
	flush(repl);
}

/* The commands that begin so. */
static void complete(const char *word, void (*found)(const char *name, void *found_data),
		     void *found_data)
{
	char name[64] = "/";

	if (word[0] != '/' || strpbrk(word, " \t\n"))
		return;
	for (size_t i = 0; i < repl_commands.n; i++) {
		size_t n = strlen(repl_commands.rows[i].name);

		if (strncmp(repl_commands.rows[i].name, word + 1, strlen(word) - 1) != 0 ||
		    n + 2 > sizeof(name))
			continue;
		memcpy(name + 1, repl_commands.rows[i].name, n + 1);
		found(name, found_data);
	}
}

static int open_parts(struct repl *repl, struct error *err)
{
	struct shell *shell = repl->shell;
	int r = sd_event_new(&repl->event);

	if (r >= 0)
		r = view_open(
			&(struct view_options){ .answers = &shell->out, .notes = &shell->out },
			&repl->view);
	if (r < 0)
		return FAIL(err, r, "%s", strerror(-r));
	r = watch_signals(repl, err);
	if (r == 0 && shell->options->workspace)
		r = workspace_register(shell->state_fd, shell->run_fd, shell->options->workspace,
				       options_allow(shell->options, "write"), &repl->workspace,
				       err);
	if (r == 0)
		r = line_editor_open(&(struct line_editor_options){ .event = repl->event,
								    .state_fd = shell->state_fd,
								    .screen = &shell->out,
								    .complete = complete },
				     &repl->editor, err);
	return r;
}

/* Two lines: what this is, who answers, where its hands are. */
static int greet(struct repl *repl, struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	struct shell *shell = repl->shell;
	const char *folder = shell->options->workspace;
	auto_buf struct buf where = BUF(ROWS_BYTES_MAX);
	bool writable = !folder || options_allow(shell->options, "write");
	struct flow flow;
	int r = link_ask(shell->run_fd, "agent", "io.clawos.Agent.Status", NULL, &reply, err);

	if (r < 0)
		return r;
	flow_begin(&flow, &shell->out, 0, 2);
	flow_own(&flow, STYLE_DIM, "ClawOS %s", CLAW_VERSION);
	status_tell_model(shell, link_field(reply, "status"), &flow);
	flow_own(&flow, STYLE_DIM, "/help lists commands");
	flow_end(&flow);
	flow_begin(&flow, &shell->out, 0, 2);
	r = buf_printf(&where, "%s%s", folder ? folder : shell->paths.state,
		       folder ? "" : "/workspace");
	flow_foreign(&flow, STYLE_DIM, "workspace ", buf_string(&where));
	flow_own(&flow, STYLE_DIM, "%s",
		 writable ? "tools may write in it"
			  : "read-only for tools (--allow write opens it)");
	flow_end(&flow);
	return r < 0 ? FAIL(err, r, "the workspace's path is too long") : 0;
}

int repl_run(struct shell *shell, struct error *err)
{
	struct repl repl = { .shell = shell };
	int r;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return FAIL(err, COMMAND_USAGE,
			    "no terminal to talk at; claw -m TEXT asks once (claw help)");
	r = shell_connect(shell, err);
	shell->repl = &repl;
	if (r == 0)
		r = open_parts(&repl, err);
	if (r == 0)
		r = greet(&repl, err);
	if (r == 0 && shell->options->thread)
		r = repl_tell_thread(&repl, err);
	if (r == 0)
		r = loop(&repl, err);
	if (repl.editor)
		leave(&repl);
	shell->repl = NULL;
	repl_drop_turns(&repl);
	session_close(repl.session);
	line_editor_close(repl.editor);
	view_close(repl.view);
	sd_event_unref(repl.event);
	return r < 0 ? r : SHELL_ANSWERED;
}
