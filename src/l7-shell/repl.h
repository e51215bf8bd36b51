/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * repl - the interactive shell: prompt, turns, questions (L7).
 *
 * Either a message is being read (line-editor.h) or a turn of ours is being watched; events are
 * served in both. What is typed while a turn runs is not shown and is read as the next message
 * afterwards; it never answers a question.
 *
 * Ownership  repl_run() makes and releases everything; slash commands get the struct by
 * shell->repl. Tests      tests/process/test-claw-terminal.py.
 */
#pragma once

#include "l7-shell/command.h"
#include "l7-shell/decision.h"
#include "l7-shell/shell.h"

#include <stdint.h>
#include <systemd/sd-event.h>
#include <systemd/sd-json.h>
#include <systemd/sd-varlink.h>

enum { REPL_QUESTIONS_MAX = 16, REPL_COMPLETION_BYTES = 32 };

struct repl {
	struct shell *shell;
	sd_event *event;
	struct session *session;
	struct view *view;
	struct line_editor *editor;
	uint64_t running; /* the turn that is being watched; 0: none */
	uint64_t last_turn;
	bool last_is_open; /* it has no turn-done yet */
	bool caught_up, lost, quit;
	bool interrupting; /* Ctrl-C was pressed in this turn */
	uint32_t workspace;
	sd_varlink *interrupt;                          /* the call under way */
	sd_json_variant *questions[REPL_QUESTIONS_MAX]; /* open ones, oldest first */
	size_t n_questions;
	char completion[REPL_COMPLETION_BYTES];
};

/* Runs until the person quits: an exit status, or -errno. */
must_check int repl_run(struct shell *shell, struct error *err);

/* For the slash commands. */
must_check int repl_switch(struct repl *repl, const char *thread, struct error *err);
/* Hands a message or direct form to the agent; its turn is watched next. */
must_check int repl_send(struct repl *repl, const char *text, struct error *err);
must_check int repl_interrupt(struct repl *repl, struct error *err);
/* Answers the open question with that record number; 0: the only one. */
must_check int repl_decide(struct repl *repl, uint64_t question, enum decision decision,
			   struct error *err);

/* The question is not asked again here; it stays open at the agent until it times out. */
void repl_forget(struct repl *repl, uint64_t question);

/* Asks for a key on the open question (repl-ask.c). */
void repl_ask(struct repl *repl);

extern const struct command_table repl_commands; /* repl-commands.c */
