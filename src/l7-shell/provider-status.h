/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * provider-status - the providers in the order in which they are asked, and which of them is passed
 * over, for claw status and claw doctor (L7).
 *
 * Tests      tests/process/test-failover-system.py.
 */
#pragma once

#include "l7-shell/doctor.h"
#include "l7-shell/shell.h"

/* Lines of claw status, with the name of the row in columns. Nothing when there is only one and it
 * is well. */
void provider_status_print(struct shell *shell, int columns);

void provider_status_doctor(struct doctor *doctor, struct shell *shell);
