/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * view - the events of a turn as a person sees them (L7).
 *
 * The answer streams, rendered; every tool call has its line; questions, interruptions and failures
 * are named. A message that waits behind a running turn is shown when its own begins. A gap in the
 * live text (a reconnection, a daemon that started again) is closed from the records: what was
 * already shown is not shown again.
 *
 * On a terminal everything the model says is shown as it comes. On a plain stream only the answer's
 * text is written, as it is (sanitised), when it is whole: notes then go to another screen or
 * nowhere.
 *
 * Ownership  Screens are borrowed.
 * Errors     Output errors stay with the screens (screen_flush).
 * Source     spec/shell-json.md. Tests: tests/process/test-claw.py.
 */
#pragma once

#include "l7-shell/screen.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-json.h>

struct view;

struct view_options {
	struct screen *answers;
	struct screen *notes; /* tool lines and the like; NULL: not shown; may be the same screen */
	bool own_turns_only;  /* events of other turns than view_follow()'s are passed over */
};

must_check int view_open(const struct view_options *options, struct view **ret);
void view_close(struct view *view); /* NULL-tolerant */

/* The turn whose message this program sent and which stands on the screen: it is not shown again.
 */
void view_follow(struct view *view, uint64_t turn);

/* One event of io.clawos.Agent.Subscribe. Flushes nothing. */
void view_event(struct view *view, sd_json_variant *event);

/* Something else is shown next; what the model says goes on behind it, on a line of its own. */
void view_pause(struct view *view);

/* Another thread is shown next: what was going on in this one is forgotten. */
void view_forget(struct view *view);

/* The screen has another width. */
void view_resize(struct view *view);

/* The status line of what is being waited for, when something else has taken it away. */
void view_wait(struct view *view);

/* The subscription broke: live text may be missing from now on. */
void view_break(struct view *view);
