/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * history - the messages typed before, gone through with the arrow keys or searched (L7).
 *
 * What was being typed when the going began is the newest entry of it, and comes back.
 *
 * Ownership  Returned texts are borrowed until the next call.
 * Errors     -ENOMEM; those of history-file.h.
 * Tests      tests/process/test-claw-typing.py.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct history;

/* Reads the file of the state; state_fd is borrowed and outlives the history. */
must_check int history_open(int state_fd, struct history **ret);
void history_close(struct history *history); /* NULL-tolerant */

/* A message was sent: kept in the file too, unless it is the one before or blank. */
must_check int history_add(struct history *history, const char *text);

/* The entry before or behind the one that is shown; draft is what stands in the line now. NULL:
 * there is none. */
must_check int history_older(struct history *history, const char *draft, const char **ret);
const char *history_newer(struct history *history);
/* What is shown is the draft, not an entry. */
bool history_is_draft(const struct history *history);
/* The going has ended: the next one starts from the newest entry. */
void history_rest(struct history *history);

/* The newest entry before *at that holds the words, *at becomes its place; NULL: none. Starts with
 * history_end(). */
const char *history_find(const struct history *history, const char *words, size_t *at);
size_t history_end(const struct history *history);
