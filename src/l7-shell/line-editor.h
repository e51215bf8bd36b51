/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * line-editor - what the person types, at the prompt and while an answer is coming (L7).
 *
 * Keys are taken from the event loop at any time; a line that was ended waits to be taken. The line
 * being typed stands below the output: line_editor_hide() before output, line_editor_show() after
 * it. A dormant editor (a turn runs) shows nothing until something is typed or queued. A message
 * may have several lines: a backslash at the end of one, Alt-Enter, or pasted (bracketed paste).
 *
 * On a terminal that cannot move its cursor (TERM=dumb) the terminal's own lines are read.
 *
 * Ownership  The editor owns the terminal's mode from open to close; event loop and state_fd are
 *            borrowed.
 * Errors     -ENOMEM; -EIO when the terminal fails.
 * Tests      tests/process/test-claw-terminal.py, test-claw-typing.py.
 */
#pragma once

#include "base/buf.h"
#include "l7-shell/screen.h"

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

struct line_editor;

enum { LINE_EDITOR_QUEUE_MAX = 32 };

struct line_editor_options {
	sd_event *event;
	int state_fd;                /* "history" is kept here; borrowed */
	const struct screen *screen; /* the terminal; borrowed */
	/* Calls found(name) for each name that may stand at the end of text; returns where in text
	 * it would begin. May be NULL. */
	size_t (*complete)(const char *text, void (*found)(const char *name, void *found_data),
			   void *found_data, void *data);
	/* Appends what is said below a text that stands so, harmless. May be NULL. */
	int (*hint)(const char *text, struct buf *out, void *data);
	void (*on_mode)(void *data); /* F2, and Ctrl-D in the command mode; may be NULL */
	void *data;
};

must_check int line_editor_open(const struct line_editor_options *options, struct line_editor **ret,
				struct error *err);
void line_editor_close(struct line_editor *editor); /* NULL-tolerant */

/* Harmless text; it is copied. */
must_check int line_editor_set_prompt(struct line_editor *editor, const char *prompt);
/* Rows above the prompt, each with its newline; harmless text, copied. */
must_check int line_editor_set_above(struct line_editor *editor, const char *rows);
void line_editor_set_dormant(struct line_editor *editor, bool dormant);
/* In the command mode: a line is kept in the history as !LINE, and what is no command comes back as
 * ?LINE. */
void line_editor_set_commands(struct line_editor *editor, bool commands);
/* Bytes as if they had been typed. */
must_check int line_editor_feed(struct line_editor *editor, const char *bytes, size_t length);

/* Takes the next line that was ended, into line (emptied first). *ret_shown: prompt and line stand
 * on the screen; else they were only seen while they were typed. False: none. */
bool line_editor_take(struct line_editor *editor, struct buf *line, bool *ret_shown);
/* The input has ended: Ctrl-D in an empty line, or the terminal is gone. */
bool line_editor_has_ended(const struct line_editor *editor);
/* Nothing is being typed. */
bool line_editor_is_empty(const struct line_editor *editor);
/* When a key was pressed last (CLOCK_MONOTONIC); 0: never. */
uint64_t line_editor_last_key_us(const struct line_editor *editor);

void line_editor_drop(struct line_editor *editor); /* Ctrl-C at the prompt */
void line_editor_hide(struct line_editor *editor); /* before output */
void line_editor_show(struct line_editor *editor); /* after output; it has been flushed */
void line_editor_resize(struct line_editor *editor);
/* Keys are for somebody else (a question, the shell behind Ctrl-Z), then ours again. */
void line_editor_pause(struct line_editor *editor);
void line_editor_resume(struct line_editor *editor);
