/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/repl.h"

#include "base/cleanup.h"
#include "l7-shell/direct.h"
#include "l7-shell/line-editor.h"
#include "l7-shell/link.h"
#include "l7-shell/session.h"
#include "l7-shell/submit.h"
#include "l7-shell/tool-line.h"
#include "l7-shell/tty-mode.h"
#include "l7-shell/view.h"
#include "l7-shell/workspace.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 1024 * 1024 };

#define PROMPT "\xE2\x9D\xAF " /* "❯ " */

static void complain(struct repl *repl, const struct error *err)
{
	screen_fresh_line(&repl->shell->out);
	screen_foreign(&repl->shell->out, STYLE_BAD, err->text, 0);
	screen_put(&repl->shell->out, STYLE_PLAIN, "\n", 1);
}

static void flush(struct repl *repl)
{
	if (screen_flush(&repl->shell->out, NULL) < 0)
		repl->quit = true; /* the terminal is gone */
}

static void keep_question(struct repl *repl, sd_json_variant *event)
{
	if (repl->n_questions == REPL_QUESTIONS_MAX)
		return; /* it times out to denied; claw-agentd asks one at a time per call */
	repl->questions[repl->n_questions++] = sd_json_variant_ref(event);
}

static void drop_question(struct repl *repl, int64_t seq)
{
	for (size_t i = 0; i < repl->n_questions; i++) {
		if (link_integer(repl->questions[i], "seq") != seq)
			continue;
		sd_json_variant_unref(repl->questions[i]);
		repl->n_questions--;
		for (; i < repl->n_questions; i++)
			repl->questions[i] = repl->questions[i + 1];
		return;
	}
}

void repl_forget(struct repl *repl, uint64_t question)
{
	drop_question(repl, (int64_t)question);
}

static void drop_questions(struct repl *repl)
{
	while (repl->n_questions > 0)
		drop_question(repl, link_integer(repl->questions[0], "seq"));
}

/* What follows from an event besides its being shown. */
static void note_event(struct repl *repl, sd_json_variant *event)
{
	const char *kind = link_string(event, "kind");
	uint64_t turn = (uint64_t)link_integer(event, "turn");
	sd_json_variant *data = link_field(event, "data");

	if (strcmp(kind, "accepted") == 0) {
		repl->last_turn = turn;
		repl->last_is_open = true;
	} else if (strcmp(kind, "question") == 0) {
		keep_question(repl, event);
	} else if (strcmp(kind, "decision") == 0) {
		drop_question(repl, link_integer(data, "question"));
	} else if (strcmp(kind, "turn-done") == 0) {
		if (turn == repl->last_turn)
			repl->last_is_open = false;
		if (turn == repl->running)
			repl->running = 0;
	}
}

static void on_event(sd_json_variant *event, void *data)
{
	struct repl *repl = data;

	/* Live text of a turn somebody else started would run into the line being typed. */
	if (link_integer(event, "seq") == 0 && !repl->running)
		return;
	line_editor_hide(repl->editor);
	note_event(repl, event);
	view_event(repl->view, event);
	if (strcmp(link_string(event, "kind"), "question") == 0 && !repl->running &&
	    repl->caught_up)
		screen_own(&repl->shell->out, STYLE_DIM, "  /approve %lld or /deny %lld\n",
			   (long long)link_integer(event, "seq"),
			   (long long)link_integer(event, "seq"));
	flush(repl);
	line_editor_show(repl->editor);
}

static void on_caught_up(void *data)
{
	struct repl *repl = data;

	repl->caught_up = true;
}

static void on_break(void *data)
{
	struct repl *repl = data;

	view_break(repl->view);
}

static void on_lost(const struct error *reason, void *data)
{
	struct repl *repl = data;

	line_editor_hide(repl->editor);
	complain(repl, reason);
	flush(repl);
	repl->lost = true;
	line_editor_cancel(repl->editor);
}

static int on_interrupted(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
			  sd_varlink_reply_flags_t flags, void *data)
{
	(void)link;
	(void)parameters;
	(void)error_id; /* the turn's end is an event of its own */
	(void)flags;
	(void)data;
	return 0;
}

int repl_interrupt(struct repl *repl, struct error *err)
{
	int r;

	repl->interrupt = sd_varlink_close_unref(repl->interrupt);
	r = link_open(repl->shell->run_fd, "agent", &repl->interrupt, err);
	if (r < 0)
		return r;
	r = sd_varlink_bind_reply(repl->interrupt, on_interrupted);
	if (r >= 0)
		r = sd_varlink_attach_event(repl->interrupt, repl->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_varlink_invokebo(repl->interrupt, "io.clawos.Agent.Interrupt",
					SD_JSON_BUILD_PAIR_STRING("thread", repl->shell->thread));
	return r < 0 ? FAIL(err, r, "interrupt: %s", strerror(-r)) : 0;
}

/* While a turn runs: the first interrupts it, the second stops watching it. At the prompt: a new
 * line. */
static int on_interrupt_key(sd_event_source *source, const struct signalfd_siginfo *info,
			    void *data)
{
	struct repl *repl = data;
	struct error err = { 0 };

	(void)source;
	(void)info;
	if (!repl->running) {
		line_editor_cancel(repl->editor);
	} else if (repl->interrupting) {
		screen_fresh_line(&repl->shell->out);
		screen_own(&repl->shell->out, STYLE_DIM, "turn %llu goes on without being shown\n",
			   (unsigned long long)repl->running);
		flush(repl);
		repl->running = 0;
	} else {
		repl->interrupting = true;
		if (repl_interrupt(repl, &err) < 0)
			complain(repl, &err);
		flush(repl);
	}
	return 0;
}

static int on_end(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct repl *repl = data;

	(void)source;
	(void)info;
	repl->quit = true;
	line_editor_cancel(repl->editor);
	return 0;
}

static int on_resize(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct repl *repl = data;

	(void)source;
	(void)info;
	screen_measure(&repl->shell->out);
	line_editor_resize(repl->editor);
	return 0;
}

static int watch_signals(struct repl *repl, struct error *err)
{
	static const struct {
		int number;
		sd_event_signal_handler_t act;
	} rows[] = {
		{ SIGINT, on_interrupt_key },
		{ SIGTERM, on_end },
		{ SIGHUP, on_end },
		{ SIGWINCH, on_resize },
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

/* Runs the loop until the turn is over; asks what has to be asked. */
static void watch_turn(struct repl *repl)
{
	CLEANUP(tty_mode_restore) struct tty_mode mode;

	tty_mode_quiet(&mode);
	while (repl->running && !repl->lost && !repl->quit) {
		if (repl->n_questions > 0 && !repl->interrupting) {
			repl_ask(repl);
			continue;
		}
		if (sd_event_run(repl->event, UINT64_MAX) < 0)
			repl->quit = true;
	}
	repl->running = 0;
	repl->interrupting = false;
	screen_settle(&repl->shell->out);
}

/* Where to begin so that the last turn is shown: behind the record before its first one. */
static int last_turn_begins(struct repl *repl, uint64_t *ret, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL, *reply = NULL;
	sd_json_variant *turns;
	int64_t seq = 0;
	int r = sd_json_buildo(&parameters,
			       SD_JSON_BUILD_PAIR_STRING("thread", repl->shell->thread),
			       SD_JSON_BUILD_PAIR_INTEGER("limit", 1));

	if (r < 0)
		return FAIL(err, r, "history: %s", strerror(-r));
	r = link_ask(repl->shell->run_fd, "agent", "io.clawos.Agent.History", parameters, &reply,
		     err);
	if (r < 0)
		return r;
	turns = link_field(reply, "turns");
	if (turns && sd_json_variant_is_array(turns) && sd_json_variant_elements(turns) > 0)
		seq = link_integer(sd_json_variant_by_index(turns, 0), "seq");
	*ret = seq > 0 ? (uint64_t)seq - 1 : 0;
	return 0;
}

/* The thread is made when it does not exist, so that it can be followed before anything is said in
 * it. */
static int make_thread(struct repl *repl, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("name", repl->shell->thread));

	if (r < 0)
		return FAIL(err, r, "thread: %s", strerror(-r));
	return link_ask(repl->shell->run_fd, "agent", "io.clawos.Agent.NewThread", parameters, NULL,
			err);
}

/* Follows the thread and shows its last turn as it stands. */
static int follow(struct repl *repl, struct error *err)
{
	const struct session_acts acts = { on_event, on_caught_up, on_break, on_lost, repl };
	uint64_t after = 0;
	int r = last_turn_begins(repl, &after, err);

	if (r == -ENOENT)
		r = make_thread(repl, err);
	if (r < 0)
		return r;
	drop_questions(repl);
	repl->caught_up = repl->lost = repl->last_is_open = false;
	repl->last_turn = 0;
	session_close(repl->session);
	repl->session = NULL;
	r = session_open(repl->event,
			 &(struct session_options){ .shell = repl->shell, .after_seq = after },
			 &acts, &repl->session, err);
	while (r >= 0 && !repl->caught_up && !repl->lost && !repl->quit)
		r = sd_event_run(repl->event, UINT64_MAX);
	if (r < 0)
		return r;
	if (repl->last_is_open) {
		screen_fresh_line(&repl->shell->out);
		screen_own(&repl->shell->out, STYLE_DIM, "turn %llu is not finished; it goes on\n",
			   (unsigned long long)repl->last_turn);
		repl->running = repl->last_turn;
	}
	flush(repl);
	return 0;
}

int repl_switch(struct repl *repl, const char *thread, struct error *err)
{
	int r = shell_set_thread(repl->shell, thread, err);

	return r < 0 ? r : follow(repl, err);
}

int repl_send(struct repl *repl, const char *text, struct error *err)
{
	auto_json sd_json_variant *arguments = NULL;
	const struct options *options = repl->shell->options;
	const struct direct_form *form;
	struct submission submission = {
		.thread = repl->shell->thread,
		.text = text,
		.context_fd = -1,
		.record_fd = -1,
		.replay_fd = -1,
		.allow = options->allow,
		.n_allow = options->n_allow,
		.workspace = repl->workspace,
	};
	struct accepted accepted;
	int r = direct_parse(text, &form, &arguments, err);

	if (r < 0)
		return r;
	if (form) {
		submission.tool = form->tool;
		submission.arguments = arguments;
	}
	r = submit(repl->shell->run_fd, &submission, &accepted, err);
	if (r < 0)
		return r;
	view_follow(repl->view, accepted.turn);
	repl->running = accepted.turn;
	return 0;
}

static void obey(struct repl *repl, char *line)
{
	struct error err = { 0 };
	int r;

	if (line[strspn(line, " \t\n")] == '\0')
		return;
	if (line[0] == '/')
		r = command_line(&repl_commands, repl->shell, line + 1, &err);
	else
		r = repl_send(repl, line, &err);
	if (r < 0)
		complain(repl, &err);
	flush(repl);
}

static int read_and_obey(struct repl *repl, struct buf *line, struct error *err)
{
	enum line_outcome outcome;
	int r = line_editor_read(repl->editor, line, &outcome, err);

	if (r < 0)
		return r;
	switch (outcome) {
	case LINE_READ:
		obey(repl, line->data ? line->data : (char[]){ "" });
		break;
	case LINE_CANCELLED:
		break;
	case LINE_END:
		repl->quit = true;
		screen_own(&repl->shell->out, STYLE_PLAIN, "\n");
		break;
	}
	return 0;
}

/* The system was stopped or could not be started again: once more, then this is the end. */
static int recover(struct repl *repl, struct error *err)
{
	int r = shell_reconnect(repl->shell, err);

	return r < 0 ? r : follow(repl, err);
}

static int loop(struct repl *repl, struct error *err)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);
	int r = follow(repl, err);

	while (r >= 0 && !repl->quit) {
		if (repl->lost)
			r = recover(repl, err);
		else if (repl->running)
			watch_turn(repl);
		else
			r = read_and_obey(repl, &line, err);
		flush(repl);
	}
	return r;
}

/* The one command that begins so, with a space behind it. */
static const char *complete(const char *word, void *data)
{
	struct repl *repl = data;
	const char *found = NULL;

	if (word[0] != '/' || strpbrk(word, " \t\n"))
		return NULL;
	for (size_t i = 0; i < repl_commands.n; i++) {
		if (strncmp(repl_commands.rows[i].name, word + 1, strlen(word) - 1) != 0)
			continue;
		if (found)
			return NULL;
		found = repl_commands.rows[i].name;
	}
	if (!found || snprintf(repl->completion, sizeof(repl->completion), "/%s ", found) >=
			      (int)sizeof(repl->completion))
		return NULL;
	return repl->completion;
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
	if (r == 0)
		r = line_editor_open(&(struct line_editor_options){ .event = repl->event,
								    .state_fd = shell->state_fd,
								    .prompt = PROMPT,
								    .complete = complete,
								    .data = repl },
				     &repl->editor, err);
	if (r == 0 && shell->options->workspace)
		r = workspace_register(shell->state_fd, shell->run_fd, shell->options->workspace,
				       options_allow(shell->options, "write"), &repl->workspace,
				       err);
	return r;
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
		r = loop(&repl, err);
	shell->repl = NULL;
	drop_questions(&repl);
	sd_varlink_close_unref(repl.interrupt);
	session_close(repl.session);
	line_editor_close(repl.editor);
	view_close(repl.view);
	sd_event_unref(repl.event);
	return r < 0 ? r : SHELL_ANSWERED;
}
