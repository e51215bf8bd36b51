/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * trace-report - one turn in full: the waterfall of its model and tool calls (L7).
 *
 * Source     spec/trace.md. Tests: tests/process/test-claw-verbs.py.
 */
#pragma once

#include "l7-shell/shell.h"

/* args[0]: the turn, NULL: the newest one. With --prompt every prompt is shown whole. */
int trace_report(struct shell *shell, const char *const args[], struct error *err);
