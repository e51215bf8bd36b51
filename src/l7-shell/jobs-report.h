/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* jobs-report - the background jobs and sub-agents: all of them, one with its log and result,
 * ending one (L7). */
#pragma once

#include "l7-shell/shell.h"

/* args: nothing; ID; "cancel" ID. */
int jobs_report(struct shell *shell, const char *const args[], struct error *err);
