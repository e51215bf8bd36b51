/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/repl.h"

#include "base/cleanup.h"
#include "l7-shell/direct.h"
#include "l7-shell/flow.h"
#include "l7-shell/glyph.h"
#include "l7-shell/line-editor.h"
#include "l7-shell/login.h"
#include "l7-shell/repl-shell.h"
#include "l7-shell/sanitise.h"
#include "l7-shell/session.h"
#include "l7-shell/view.h"

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

	if (repl->commands)
		return repl_add_command_prompt(repl, prompt);
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

int repl_watch_signals(struct repl *repl, struct error *err)
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

/* A direct form becomes a turn, which the view shows when it begins, as a message does. */
static int obey_kind(struct repl *repl, enum repl_line kind, char *line, char *text,
		     bool *ret_echoed, struct error *err)
{
	*ret_echoed = kind == REPL_LINE_COMMAND || (kind == REPL_LINE_SLASH && !direct_find(line));
	if (*ret_echoed)
		echo(repl, line);
	switch (kind) {
	case REPL_LINE_NOTHING:
		return 0;
	case REPL_LINE_SLASH:
		return command_line(&repl_commands, repl->shell, line + 1, err);
	case REPL_LINE_COMMAND:
		return repl_command(repl, text, err);
	case REPL_LINE_ABOUT:
		return repl_ask_about(repl, text, err);
	case REPL_LINE_MESSAGE:
		return repl_send(repl, text, err);
	}
	return 0;
}

static void obey(struct repl *repl, char *line)
{
	auto_buf struct buf typed = BUF(LINE_BYTES_MAX);
	struct error err = { 0 };
	bool echoed = false;
	char *text;
	enum repl_line kind = repl_line_kind(repl, line, &text);
	int r;

	if (kind == REPL_LINE_NOTHING)
		return;
	repl_hide(repl);
	r = buf_add_string(&typed, line); /* a slash command's line is taken apart */
	if (r == 0)
		r = obey_kind(repl, kind, line, text, &echoed, &err);
	if (r >= 0)
		return;
	if (!echoed)
		echo(repl, buf_string(&typed));
	shell_explain(repl->shell, &err);
	repl_complain(repl, &err);
}

/* What says nothing to the agent needs none. */
static bool needs_agent(const struct repl *repl, char *line)
{
	static const char *const alone[] = { "/quit", "/sh", "/help" };
	char *text;
	enum repl_line kind = repl_line_kind(repl, line, &text);

	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		if (kind == REPL_LINE_SLASH && strncmp(line, alone[i], strlen(alone[i])) == 0)
			return false;
	return kind != REPL_LINE_COMMAND && kind != REPL_LINE_NOTHING;
}

/* Nobody starts a system that was stopped but a person who has something to say. */
static int recover(struct repl *repl, struct error *err)
{
	struct shell *shell = repl->shell;
	int r;

	if (!repl->login) {
		r = shell_reconnect(shell, err);
		return r < 0 ? r : repl_follow(repl, err);
	}
	close_fd(&shell->run_fd);
	shell->run_fd = -1;
	line_editor_pause(repl->editor); /* Ctrl-C ends the waiting */
	r = login_reach(shell, err);
	line_editor_resume(repl->editor);
	return r < 0 ? r : repl_follow(repl, err);
}

/* A line that was ended; a failure ends the shell. */
static int take_line(struct repl *repl, char *line, struct error *err)
{
	int r = repl->lost && needs_agent(repl, line) ? recover(repl, err) : 0;

	if (r < 0 && repl->login) { /* nobody is sent away from their machine */
		repl->lost = true;
		repl_hide(repl);
		repl_complain(repl, err);
		return 0;
	}
	if (r >= 0)
		obey(repl, line);
	return r;
}

static void toggle(struct repl *repl)
{
	struct error err = { 0 };

	repl->toggle = false;
	if (repl_toggle_commands(repl, &err) < 0)
		repl_complain(repl, &err);
}

int repl_loop(struct repl *repl, struct error *err)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);
	int r = 0;

	while (r >= 0 && !repl->quit) {
		if (line_editor_take(repl->editor, &line, &repl->line_shown)) {
			r = take_line(repl, line.data ? line.data : (char[]){ "" }, err);
		} else if (repl_may_ask(repl)) {
			repl_ask(repl);
		} else if (repl->toggle) {
			toggle(repl);
		} else if (line_editor_has_ended(repl->editor)) {
			repl->quit = true;
		} else {
			repl_show(repl);
			repl_step(repl);
		}
	}
	return r;
}

void repl_leave(struct repl *repl)
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
