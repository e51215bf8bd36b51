/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * repl - the interactive shell: prompt, turns, questions (L7).
 *
 * One loop: events of the thread are shown as they come, what is typed stands below them
 * (line-editor.h). A line that is ended while a turn runs is handed to the agent at once and waits
 * in its queue; a slash command is obeyed at once. What is typed never answers a question.
 *
 * Ownership  repl_run() makes and releases everything; slash commands get the struct by
 *            shell->repl.
 * Tests      tests/process/test-claw-terminal.py, test-claw-typing.py.
 */
#pragma once

#include "l7-shell/attach.h"
#include "l7-shell/command.h"
#include "l7-shell/decision.h"
#include "l7-shell/shell.h"

#include <stdint.h>
#include <systemd/sd-event.h>
#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>

enum { REPL_QUESTIONS_MAX = 16, REPL_WATCHED_MAX = 64 };

#define REPL_PROMPT "\xE2\x9D\xAF " /* "❯ " */

/* A turn that was begun here, or goes on from before, and is not done. */
struct watched {
	uint64_t turn;
	char *text; /* of a message that waits unseen; NULL: it stands on the screen */
};

struct repl {
	struct shell *shell;
	sd_event *event;
	struct session *session;
	struct view *view;
	struct line_editor *editor;
	struct watched watched[REPL_WATCHED_MAX]; /* oldest first; the first one runs */
	size_t n_watched;
	uint64_t seen; /* the newest record of this thread that was shown */
	bool caught_up, lost, quit;
	bool line_shown;   /* the line that is obeyed stands on the screen */
	bool interrupting; /* Ctrl-C was pressed in this turn */
	uint32_t workspace;
	struct inner_shell *inner; /* the person's commands; NULL: none was started */
	sd_event_source *inner_source;
	char *last_command;
	bool commands, was_told; /* the command mode; what it is was said */
	bool toggle;             /* F2 was pressed */
	bool login; /* the account\'s shell: without a system it goes on with commands */
	int status; /* the exit status */
	struct attachments attachments;                 /* go with the next message */
	sd_varlink *interrupt;                          /* the call under way */
	sd_json_variant *questions[REPL_QUESTIONS_MAX]; /* open ones, oldest first */
	size_t n_questions;
	uint64_t hinted;   /* the question that waits for the line to be empty, as was said */
	uint64_t answered; /* the last one that was answered here */
};

/* Runs until the person quits: an exit status, or -errno. */
must_check int repl_run(struct shell *shell, struct error *err);

/* repl.c: what is typed is taken away before output, and comes back behind it. */
void repl_hide(struct repl *repl);
void repl_show(struct repl *repl);
void repl_complain(struct repl *repl, const struct error *err);
/* Lines, questions, output, until the person quits. */
must_check int repl_loop(struct repl *repl, struct error *err);
must_check int repl_watch_signals(struct repl *repl, struct error *err);
/* What is said last. */
void repl_leave(struct repl *repl);
/* The loop until something has happened. */
void repl_step(struct repl *repl);

/* repl-turns.c */
static inline bool repl_is_running(const struct repl *repl)
{
	return repl->n_watched > 0;
}
/* Follows the shell's thread, which is made when it does not exist, and shows its last turn as it
 * stands. */
must_check int repl_follow(struct repl *repl, struct error *err);
/* Hands a message or direct form to the agent; its turn is watched. */
must_check int repl_send(struct repl *repl, const char *text, struct error *err);
/* The same, with a context (a sealed memfd, borrowed); the text is no direct form. */
must_check int repl_send_with(struct repl *repl, const char *text, int context_fd,
			      struct error *err);
/* A turn that was begun here: it is waited for, its message is shown when it begins. */
void repl_watch(struct repl *repl, uint64_t turn);
must_check int repl_interrupt(struct repl *repl, struct error *err);
/* Turns go on without being shown. */
void repl_let_go(struct repl *repl);
/* Releases what belongs to turns. */
void repl_drop_turns(struct repl *repl);

/* repl-ask.c: asks for a key on the open question. Not while something is being typed: then it says
 * how the question is answered by a line, and false. */
bool repl_may_ask(struct repl *repl);
void repl_ask(struct repl *repl);
/* Answers the open question with that record number; 0: the only one. */
must_check int repl_decide(struct repl *repl, uint64_t question, enum decision decision,
			   struct error *err);
void repl_keep_question(struct repl *repl, sd_json_variant *event);
void repl_drop_question(struct repl *repl, uint64_t question);
void repl_drop_questions(struct repl *repl);

/* repl-thread.c */
must_check int repl_switch(struct repl *repl, const char *thread, struct error *err);
/* "thread NAME, 3 turns" or "new thread NAME". */
must_check int repl_tell_thread(struct repl *repl, struct error *err);
must_check int repl_thread_exists(struct repl *repl, const char *name, bool *ret,
				  struct error *err);

/* repl-steer.c: the commands that change how a conversation goes on. */
must_check int repl_run_steer(struct shell *shell, const char *const args[], struct error *err);
must_check int repl_run_undo(struct shell *shell, const char *const args[], struct error *err);
must_check int repl_run_redo(struct shell *shell, const char *const args[], struct error *err);
must_check int repl_run_retry(struct shell *shell, const char *const args[], struct error *err);
must_check int repl_run_compact(struct shell *shell, const char *const args[], struct error *err);
must_check int repl_run_branch(struct shell *shell, const char *const args[], struct error *err);

/* repl-attach.c */
must_check int repl_run_attach(struct shell *shell, const char *const args[], struct error *err);

extern const struct command_table repl_commands; /* repl-commands.c */
