/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * line-editor-internal - what the editor's two files share: its state, and what keys do to it (L7).
 */
#pragma once

#include "l7-shell/edit-text.h"
#include "l7-shell/key-reader.h"
#include "l7-shell/line-draw.h"
#include "l7-shell/line-editor.h"
#include "l7-shell/tty-mode.h"

#include <stdint.h>

struct line {
	char *text;
	bool shown;
};

struct line_editor {
	struct line_editor_options options;
	bool plain; /* the terminal's own lines are read */
	struct tty_mode mode;
	sd_event_source *input;
	struct key_reader keys;
	struct edit_text edit;
	struct history *history;
	struct line_drawing drawing;
	struct buf prompt, above, hint;
	bool visible, dormant, paused, below, ended, commands;
	uint64_t last_key_us;
	struct line lines[LINE_EDITOR_QUEUE_MAX]; /* ended, oldest first */
	size_t n_lines;
	/* Ctrl-R */
	bool searching;
	struct buf query, before; /* before: what stood in the line */
	size_t found_at;
};

/* line-editor.c */
void line_editor_draw(struct line_editor *editor);
/* The line waits to be taken; a new one begins. */
must_check int line_editor_end_line(struct line_editor *editor);

/* line-editor-keys.c */
/* The line says itself what it is meant for: ! ? ^ or a slash command. */
bool line_editor_is_marked(const char *text);
must_check int line_editor_on_key(enum key key, const char *text, size_t length, void *data);
void line_editor_stop_search(struct line_editor *editor);
