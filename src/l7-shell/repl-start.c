/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The beginning and the end of the interactive shell (L7). */
#include "base/cleanup.h"
#include "l7-shell/flow.h"
#include "l7-shell/line-editor.h"
#include "l7-shell/link.h"
#include "l7-shell/login.h"
#include "l7-shell/repl-complete.h"
#include "l7-shell/repl-shell.h"
#include "l7-shell/repl.h"
#include "l7-shell/session.h"
#include "l7-shell/status-report.h"
#include "l7-shell/view.h"
#include "l7-shell/workspace.h"

#include <string.h>
#include <unistd.h>

enum { WHERE_BYTES_MAX = 64 * 1024 };

static void on_mode(void *data)
{
	struct repl *repl = data;

	repl->toggle = true;
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
	r = repl_watch_signals(repl, err);
	if (r == 0)
		r = line_editor_open(&(struct line_editor_options){ .event = repl->event,
								    .state_fd = shell->state_fd,
								    .screen = &shell->out,
								    .complete = repl_complete,
								    .hint = repl_hint,
								    .on_mode = on_mode,
								    .data = repl },
				     &repl->editor, err);
	return r;
}

/* Two lines: what this is, who answers, where its hands are. */
static int greet(struct repl *repl, struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	struct shell *shell = repl->shell;
	const char *folder = shell->options->workspace;
	auto_buf struct buf where = BUF(WHERE_BYTES_MAX);
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

/* Everything that needs the system. */
static int begin(struct repl *repl, struct error *err)
{
	struct shell *shell = repl->shell;
	int r = 0;

	if (shell->options->workspace)
		r = workspace_register(shell->state_fd, shell->run_fd, shell->options->workspace,
				       options_allow(shell->options, "write"), &repl->workspace,
				       err);
	if (r == 0)
		r = greet(repl, err);
	if (r == 0 && shell->options->thread)
		r = repl_tell_thread(repl, err);
	return r < 0 ? r : repl_follow(repl, err);
}

/* The system does not come up: the person has commands, and the next message tries again. */
static int begin_alone(struct repl *repl, const struct error *why, struct error *err)
{
	struct screen *out = &repl->shell->out;
	struct flow flow;

	flow_begin(&flow, out, 0, 2);
	flow_foreign(&flow, STYLE_BAD, "the agent is not there: ", why->text);
	flow_own(&flow, STYLE_DIM, "your commands are; ?text tries the agent again");
	flow_end(&flow);
	repl->lost = repl->caught_up = repl->was_told = true;
	return repl->commands ? 0 : repl_toggle_commands(repl, err);
}

static int run(struct repl *repl, struct error *err)
{
	struct shell *shell = repl->shell;
	struct error why = { 0 };
	int reached = repl->login ? login_reach(shell, &why) : shell_connect(shell, err);
	int r = reached < 0 && !repl->login ? reached : open_parts(repl, err);

	if (r < 0)
		return r;
	if (reached == 0)
		reached = begin(repl, &why);
	if (reached < 0 && !repl->login) {
		*err = why;
		return reached;
	}
	r = reached < 0 ? begin_alone(repl, &why, err) : 0;
	return r < 0 ? r : repl_loop(repl, err);
}

int repl_run(struct shell *shell, struct error *err)
{
	struct repl repl = { .shell = shell, .login = login_is_meant(shell->options) };
	int r;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return FAIL(err, COMMAND_USAGE,
			    "no terminal to talk at; claw -m TEXT asks once (claw help)");
	shell->repl = &repl;
	r = run(&repl, err);
	if (repl.editor)
		repl_leave(&repl);
	shell->repl = NULL;
	repl_close_commands(&repl);
	repl_drop_turns(&repl);
	attach_drop(&repl.attachments);
	session_close(repl.session);
	line_editor_close(repl.editor);
	view_close(repl.view);
	sd_event_unref(repl.event);
	if (r < 0 && repl.login && !repl.quit)
		return login_without_system(shell->options, err);
	return r < 0 ? r : repl.status;
}
