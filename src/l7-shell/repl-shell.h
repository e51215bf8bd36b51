/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * repl-shell - the person's own commands at the prompt: !COMMAND, the command mode, and questions
 * about what a command said (L7).
 *
 * Commands go to the inner shell (inner-shell.h), which is started by the first one and stays. The
 * agent sees nothing of them until the person asks about the last one (^ or /explain); then a
 * bounded end of its output goes along as context.
 *
 * Tests      tests/process/test-claw-shell.py.
 */
#pragma once

#include "l7-shell/repl.h"

/* What a typed line is meant for. */
enum repl_line {
	REPL_LINE_NOTHING, /* blank */
	REPL_LINE_MESSAGE,
	REPL_LINE_SLASH,
	REPL_LINE_COMMAND,
	REPL_LINE_ABOUT, /* a question about the last command */
};

/* Its kind, and in *ret_text (borrowed from line) what follows the sign: ! ? ^. */
enum repl_line repl_line_kind(const struct repl *repl, char *line, char **ret_text);

must_check int repl_command(struct repl *repl, const char *text, struct error *err);
/* Asks the agent; the end of the last command's output is its context. "": what it means. */
must_check int repl_ask_about(struct repl *repl, const char *question, struct error *err);
/* Into the command mode, or back. */
must_check int repl_toggle_commands(struct repl *repl, struct error *err);
/* Appends the prompt of the command mode. */
must_check int repl_add_command_prompt(const struct repl *repl, struct buf *prompt);
void repl_close_commands(struct repl *repl);
