/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * model-verbs - which model answers: show, list, try, choose another one (L7).
 *
 * Choosing writes $STATE/clawos.conf and lets the system take it up: its daemons start again, the
 * conversation goes on. What belongs to the provider before (address, key, headers) is commented
 * out and taken from this program's environment, so that no key reaches another provider.
 *
 * Tests      tests/process/test-model.py.
 */
#pragma once

#include "l7-shell/shell.h"

/* claw model [list|test|use NAME [MODEL [BASE_URL]]]; an exit status or -errno. */
int model_verb(struct shell *shell, const char *const args[], struct error *err);
/* The same without test, as a slash command. */
int model_slash(struct shell *shell, const char *const args[], struct error *err);
