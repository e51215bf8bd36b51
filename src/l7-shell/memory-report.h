/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * memory-report - the documents of the agent's memory, for a person (L7).
 */
#pragma once

#include "l7-shell/shell.h"

/* Without an argument the list; with a path that document's text. */
int memory_report(struct shell *shell, const char *const args[], struct error *err);
