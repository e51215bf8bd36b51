/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * typeset - what a model says, from raw live pieces and whole records to a screen (L7).
 *
 * Raw text → sanitiser → Markdown renderer (on a terminal) → screen. The text of the model call
 * that is being shown is kept, so that the whole text of a record completes what live pieces began
 * and is never shown twice.
 */
#pragma once

#include "l7-shell/screen.h"

#include <stdbool.h>
#include <stdint.h>

struct typeset;

must_check int typeset_open(struct screen *screen, struct typeset **ret);
void typeset_close(struct typeset *typeset); /* NULL-tolerant */

/* A new model call begins: nothing of it has been shown. */
void typeset_start(struct typeset *typeset);
/* A live piece; offset is where it stands in the call's text. One behind a gap is left to the
 * record. */
void typeset_add(struct typeset *typeset, const char *text, uint64_t offset);
/* The whole text: shows what is missing of it, all of it when something else was shown. */
void typeset_whole(struct typeset *typeset, const char *text);
/* Ends the block and its line; the call may go on. */
void typeset_end(struct typeset *typeset);
/* The screen has another width. */
void typeset_resize(struct typeset *typeset);
void typeset_break(struct typeset *typeset);
/* Nothing of the call has been shown yet. */
bool typeset_is_idle(const struct typeset *typeset);
