/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cost-report - claw cost, /cost: what was spent at providers, today, in this thread, in its last
 * turn, and the limits (L7).
 *
 * Asks claw-egressd, which counts; claw-agentd has no part in it.
 *
 * Tests      tests/process/test-cost.py.
 */
#pragma once

#include "l7-shell/shell.h"

#include <stdint.h>

enum { COST_MONEY_BYTES = 32 };

/* "$1.25"; below a cent "$0.0004". */
void cost_money(uint64_t nanodollars, char ret[static COST_MONEY_BYTES]);

int cost_report(struct shell *shell, const char *const args[], struct error *err);
