/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/once.h"
#include "l7-shell/attach.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/decision.h"
#include "l7-shell/direct.h"
#include "l7-shell/link.h"
#include "l7-shell/repl.h"
#include "l7-shell/sanitise.h"
#include "l7-shell/secret-line.h"
#include "l7-shell/session.h"
#include "l7-shell/submit.h"
#include "l7-shell/tool-line.h"
#include "l7-shell/view.h"
#include "l7-shell/workspace.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-event.h>

enum { JSON_BYTES_MAX = 64 * 1024 * 1024 };

struct once {
	struct shell *shell;
	sd_event *event;
	const char *text;
	bool takes_context; /* standard input */
	struct view *view;  /* NULL with --json */
	uint64_t turn;
	bool is_direct;        /* the answer is what its tool says */
	bool refused;          /* something was denied in this turn */
	bool interrupted;      /* Ctrl-C was pressed */
	sd_varlink *interrupt; /* the call that is under way */
};

static void fail(struct once *once, const struct error *reason)
{
	screen_fresh_line(&once->shell->notes);
	screen_own(&once->shell->notes, STYLE_PLAIN, "claw: ");
	screen_foreign(&once->shell->notes, STYLE_PLAIN, reason->text, 0);
	screen_put(&once->shell->notes, STYLE_PLAIN, "\n", 1);
	(void)sd_event_exit(once->event, SHELL_FAILED);
}

static void flush(struct once *once)
{
	struct error err = { 0 };

	if (screen_flush(&once->shell->out, &err) < 0 ||
	    screen_flush(&once->shell->notes, &err) < 0)
		(void)sd_event_exit(once->event, SHELL_FAILED);
}

static void print_json(struct once *once, sd_json_variant *event)
{
	auto_buf struct buf line = BUF(JSON_BYTES_MAX);
	auto_free char *text = NULL;

	if (link_format(event, &text) < 0 || sanitise_json(text, &line) < 0 ||
	    buf_add_char(&line, '\n') < 0) {
		struct error err = { .text = "an event could not be written" };

		fail(once, &err);
		return;
	}
	screen_put(&once->shell->out, STYLE_PLAIN, line.data, line.length);
}

/* Nobody is asked: the classes allowed on the command line are the person's word, given beforehand.
 */
static void on_question(struct once *once, sd_json_variant *event)
{
	const char *effect = link_string(link_field(event, "data"), "effect");
	bool allow = options_allow(once->shell->options, effect);
	struct error err = { 0 };
	int r = decision_give(once->shell->run_fd, event, allow ? DECISION_ONCE : DECISION_DENY,
			      &err);

	if (!allow)
		once->refused = true;
	if (r < 0 && r != -ENOENT)
		fail(once, &err);
}

/* On a terminal the view has said it already. */
static void say_reason(struct once *once, sd_json_variant *data)
{
	struct screen *notes = &once->shell->notes;

	if (notes->terminal || strcmp(link_string(data, "state"), "done") == 0)
		return;
	screen_own(notes, STYLE_PLAIN, "claw: turn %llu ", (unsigned long long)once->turn);
	screen_foreign(notes, STYLE_PLAIN, link_string(data, "state"), 0);
	screen_own(notes, STYLE_PLAIN, "%s", *link_string(data, "reason") ? ": " : "");
	screen_foreign(notes, STYLE_PLAIN, link_string(data, "reason"), 0);
	screen_put(notes, STYLE_PLAIN, "\n", 1);
}

/* Why a call of the model came to nothing; a direct form's answer says it. */
static void say_failed_call(struct once *once, sd_json_variant *data)
{
	auto_buf struct buf reason = BUF(TOOL_LINE_REASON_BYTES);
	struct screen *notes = &once->shell->notes;

	if (notes->terminal || once->is_direct || tool_line_reason(data, &reason) < 0 ||
	    reason.length == 0)
		return;
	screen_own(notes, STYLE_PLAIN, "claw: ");
	screen_foreign(notes, STYLE_PLAIN, link_string(data, "tool"), 0);
	screen_own(notes, STYLE_PLAIN, " failed: ");
	screen_foreign(notes, STYLE_PLAIN, buf_string(&reason), 0);
	screen_put(notes, STYLE_PLAIN, "\n", 1);
}

static void say_secrets(struct once *once, sd_json_variant *data)
{
	struct screen *notes = &once->shell->notes;

	if (notes->terminal || !secret_line_is_due(data))
		return;
	screen_own(notes, STYLE_PLAIN, "claw: ");
	secret_line(notes, STYLE_PLAIN, data);
}

/* A budget is nearly used. */
static void say_warning(struct once *once, sd_json_variant *data)
{
	struct screen *notes = &once->shell->notes;

	if (notes->terminal || !*link_string(data, "warning"))
		return;
	screen_own(notes, STYLE_PLAIN, "claw: ");
	screen_foreign(notes, STYLE_PLAIN, link_string(data, "warning"), 0);
	screen_put(notes, STYLE_PLAIN, "\n", 1);
}

static void on_turn_done(struct once *once, sd_json_variant *data)
{
	const char *state = link_string(data, "state");
	int status = SHELL_FAILED;

	say_reason(once, data);

	if (strcmp(state, "interrupted") == 0 || once->interrupted)
		status = SHELL_INTERRUPTED;
	else if (once->refused || link_boolean(data, "refused"))
		status = SHELL_REFUSED;
	else if (strcmp(state, "done") == 0)
		status = SHELL_ANSWERED;
	(void)sd_event_exit(once->event, status);
}

/* What the agent tells before its answer; a terminal shows it itself. */
static void say_message(struct once *once, sd_json_variant *data)
{
	struct screen *notes = &once->shell->notes;

	if (notes->terminal || strcmp(link_string(data, "tool"), "message") != 0)
		return;
	screen_own(notes, STYLE_PLAIN, "claw: ");
	screen_foreign(notes, STYLE_PLAIN, link_string(link_field(data, "arguments"), "content"),
		       0);
	screen_put(notes, STYLE_PLAIN, "\n", 1);
}

static void on_event(sd_json_variant *event, void *data)
{
	struct once *once = data;
	const char *kind = link_string(event, "kind");
	sd_json_variant *fields = link_field(event, "data");

	if ((uint64_t)link_integer(event, "turn") != once->turn)
		return;
	if (once->view)
		view_event(once->view, event);
	else
		print_json(once, event);
	say_secrets(once, fields);
	if (strcmp(kind, "question") == 0)
		on_question(once, event);
	else if (strcmp(kind, "decision") == 0 && !link_boolean(fields, "allow"))
		once->refused = true;
	else if (strcmp(kind, "tool-started") == 0)
		say_message(once, fields);
	else if (strcmp(kind, "tool-done") == 0)
		say_failed_call(once, fields);
	else if (strcmp(kind, "model-done") == 0)
		say_warning(once, fields);
	else if (strcmp(kind, "turn-done") == 0)
		on_turn_done(once, fields);
	flush(once);
}

static void on_break(void *data)
{
	struct once *once = data;

	if (once->view)
		view_break(once->view);
}

static void on_lost(const struct error *reason, void *data)
{
	fail(data, reason);
	flush(data);
}

static int on_interrupted(sd_varlink *link, sd_json_variant *parameters, const char *error_id,
			  sd_varlink_reply_flags_t flags, void *data)
{
	(void)link;
	(void)parameters;
	(void)error_id; /* the turn's own end is an event; when there is none, a second Ctrl-C
			   leaves */
	(void)flags;
	(void)data;
	return 0;
}

/* The first one interrupts the turn and waits for its end, the second one leaves at once. */
static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct once *once = data;
	struct error err = { 0 };
	int r;

	(void)source;
	(void)info;
	if (once->interrupted)
		return sd_event_exit(once->event, SHELL_INTERRUPTED);
	once->interrupted = true;
	r = link_open(once->shell->run_fd, "agent", &once->interrupt, &err);
	if (r >= 0)
		r = sd_varlink_bind_reply(once->interrupt, on_interrupted);
	if (r >= 0)
		r = sd_varlink_attach_event(once->interrupt, once->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_varlink_invokebo(once->interrupt, "io.clawos.Agent.Interrupt",
					SD_JSON_BUILD_PAIR_STRING("thread", once->shell->thread));
	return r < 0 ? sd_event_exit(once->event, SHELL_INTERRUPTED) : 0;
}

static int watch_signals(struct once *once, struct error *err)
{
	int r = sd_event_add_signal(once->event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_signal,
				    once);

	if (r >= 0)
		r = sd_event_add_signal(once->event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK,
					on_signal, once);
	return r < 0 ? FAIL(err, r, "signals: %s", strerror(-r)) : 0;
}

static int open_files(const struct options *options, struct submission *submission,
		      struct error *err)
{
	enum { RECORD_MODE = 0600 };

	if (options->record) {
		submission->record_fd = dir_open_configured(
			options->record, O_WRONLY | O_CREAT | O_TRUNC, RECORD_MODE);
		if (submission->record_fd < 0)
			return FAIL(err, submission->record_fd, "%s: %s", options->record,
				    strerror(-submission->record_fd));
	}
	if (options->replay) {
		submission->replay_fd = dir_open_configured(options->replay, O_RDONLY, 0);
		if (submission->replay_fd < 0)
			return FAIL(err, submission->replay_fd, "%s: %s", options->replay,
				    strerror(-submission->replay_fd));
	}
	return 0;
}

/* Nothing to say, and commands of the interactive shell, which no model would understand. */
static int check_message(const char *text, struct error *err)
{
	size_t n = strcspn(text, " \t\n");
	char name[32];

	if (text[strspn(text, " \t\n")] == '\0')
		return FAIL(err, COMMAND_USAGE, "the message is empty");
	if (text[0] != '/' || n >= sizeof(name))
		return 0;
	memcpy(name, text + 1, n - 1);
	name[n - 1] = '\0';
	return command_find(&repl_commands, name) && !direct_find(text)
		       ? FAIL(err, COMMAND_USAGE,
			      "/%s is a command of the interactive shell; claw help lists the "
			      "verbs",
			      name)
		       : 0;
}

static int attach_files(const struct options *options, bool is_direct,
			struct attachments *attachments, struct error *err)
{
	int r = 0;

	if (is_direct && options->n_attach > 0)
		return FAIL(err, COMMAND_USAGE, "--attach goes with a message; no model is asked");
	for (size_t i = 0; i < options->n_attach && r >= 0; i++)
		r = attach_add(attachments, options->attach[i], err);
	return r;
}

static int send_message(struct once *once, struct accepted *ret, struct error *err)
{
	struct shell *shell = once->shell;
	const struct options *options = shell->options;
	struct attachments attachments = { 0 };
	struct submission submission = {
		.attachments = &attachments,
		.thread = shell->thread,
		.text = once->text,
		.context_fd = -1,
		.record_fd = -1,
		.replay_fd = -1,
		.allow = options->allow,
		.n_allow = options->n_allow,
		.unattended = true,
	};
	auto_json sd_json_variant *arguments = NULL;
	const struct direct_form *form = NULL;
	int r = check_message(once->text, err);

	if (r == 0)
		r = direct_parse(once->text, &form, &arguments, err);
	if (form) {
		once->is_direct = true;
		submission.tool = form->tool;
		submission.arguments = arguments;
	}
	if (r == 0)
		r = attach_files(options, form != NULL, &attachments, err);
	if (r == 0 && once->takes_context)
		r = submit_read_context(&submission.context_fd, err);
	if (r == 0)
		r = open_files(options, &submission, err);
	if (r == 0 && options->workspace)
		r = workspace_register(shell->state_fd, shell->run_fd, options->workspace,
				       options_allow(options, "write"), &submission.workspace, err);
	if (r == 0)
		r = submit(shell->run_fd, &submission, ret, err);
	close_fd(&submission.context_fd);
	close_fd(&submission.record_fd);
	close_fd(&submission.replay_fd);
	attach_drop(&attachments);
	return r;
}

static int open_view(struct once *once, struct error *err)
{
	struct shell *shell = once->shell;
	const struct view_options options = {
		.answers = &shell->out,
		.notes = shell->notes.terminal ? (shell->out.terminal ? &shell->out : &shell->notes)
					       : NULL,
	};
	int r;

	if (shell->options->json)
		return 0;
	r = view_open(&options, &once->view);
	return r < 0 ? FAIL(err, r, "out of memory") : 0;
}

static int run(struct once *once, struct error *err)
{
	const struct session_acts acts = { on_event, NULL, on_break, on_lost, once };
	struct session *session = NULL;
	struct accepted accepted = { 0 };
	int r = open_view(once, err);

	if (r == 0)
		r = send_message(once, &accepted, err);
	if (r < 0)
		return r;
	once->turn = accepted.turn;
	if (once->view)
		view_follow(once->view, accepted.turn);
	r = watch_signals(once, err);
	if (r == 0)
		r = session_open(once->event,
				 &(struct session_options){ .shell = once->shell,
							    .after_seq = accepted.seq - 1 },
				 &acts, &session, err);
	if (r == 0)
		r = sd_event_loop(once->event);
	session_close(session);
	return r;
}

int once_ask(struct shell *shell, const char *text, bool takes_context, struct error *err)
{
	struct once once = { .shell = shell, .text = text, .takes_context = takes_context };
	int r = shell_connect(shell, err);

	if (r == 0)
		r = sd_event_new(&once.event);
	if (r >= 0)
		r = run(&once, err);
	sd_varlink_close_unref(once.interrupt);
	view_close(once.view);
	sd_event_unref(once.event);
	return r;
}
