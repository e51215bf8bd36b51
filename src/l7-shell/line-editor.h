/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * line-editor - reading a message at the terminal while events go on (L7).
 *
 * libedit edits; its characters come from the event loop, so a subscription is served between two
 * keys. A message may have several lines: a backslash at the end of one, or pasted (bracketed
 * paste). History is kept in a file of the state, one entry per line, readable by its owner only.
 *
 * Ownership  The editor owns its libedit objects; event loop and screen are borrowed.
 * Errors     -ENOMEM; -EIO when the terminal fails.
 * Tests      tests/process/test-claw-terminal.py.
 */
#pragma once

#include "base/buf.h"

#include <stddef.h>
#include <systemd/sd-event.h>

struct line_editor;

struct line_editor_options {
	sd_event *event;
	int state_fd;       /* "history" is kept here; borrowed */
	const char *prompt; /* borrowed; plain text */
	/* Completes a word at the start of the line: the one name that continues it, or NULL. */
	const char *(*complete)(const char *word, void *data);
	void *data;
};

must_check int line_editor_open(const struct line_editor_options *options, struct line_editor **ret,
				struct error *err);
void line_editor_close(struct line_editor *editor); /* NULL-tolerant */

enum line_outcome { LINE_READ, LINE_CANCELLED, LINE_END };

/* Reads one message into line (emptied first); the loop runs meanwhile. */
must_check int line_editor_read(struct line_editor *editor, struct buf *line,
				enum line_outcome *ret, struct error *err);

/* For event callbacks while a message is being read. */
void line_editor_cancel(struct line_editor *editor); /* Ctrl-C: the line is dropped */
void line_editor_hide(struct line_editor *editor);   /* before output: the prompt is erased */
void line_editor_show(struct line_editor *editor);   /* after output: it is drawn again */
void line_editor_resize(struct line_editor *editor);
