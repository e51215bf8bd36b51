/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * work-line - computing that takes longer than others should wait: in pieces, in turn (L6).
 *
 * A piece is done when nothing else of the loop is to do and every record is durable. As many
 * pieces as fit into WORK_SLICE_US are done in one turn of the loop, then everybody else is seen to
 * again; so a piece should take no longer than a few milliseconds. Who has more to do goes to the
 * end of the line after each piece.
 *
 * Ownership  An item is embedded in its owner and has to leave before it or the line is freed.
 * Errors     -errno of the event loop.
 * Tests      tests/unit/l6-agent/test-work-line.c
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

enum { WORK_SLICE_US = 5000 };

struct work_line;

/* Does one piece. True: there is more, the item stays in line. After false it may be gone. */
typedef bool (*work_fn)(void *data);

struct work_item {
	struct work_line *line; /* NULL: in none */
	struct work_item *next, **self;
	work_fn work;
	void *data;
};

must_check int work_line_new(sd_event *event, struct work_line **ret);
void work_line_free(struct work_line *line); /* NULL-tolerant */

/* At the end of the line; never done from within the call. */
void work_enter(struct work_line *line, struct work_item *item, work_fn work, void *data);
/* Also when it is in none. */
void work_leave(struct work_item *item);
