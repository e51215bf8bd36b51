/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * doctor - each layer in force, degraded or absent, and what that means (L7).
 *
 * Kernel features are tried (probe.h); cages are judged by claw-sandboxd's self-test; daemons by
 * what the kernel says about their processes. Status 1 when something this version needs is not in
 * force.
 */
#pragma once

#include "l7-shell/shell.h"

enum doctor_state { DOCTOR_IN_FORCE, DOCTOR_DEGRADED, DOCTOR_ABSENT, DOCTOR_BROKEN };

struct doctor {
	struct screen *out;
	unsigned broken;
};

/* Prints everything; SHELL_ANSWERED or SHELL_FAILED. */
int doctor_run(struct shell *shell, const char *const args[], struct error *err);

/* One line: state, name, detail, and when it is not in force what that means. BROKEN counts. */
void doctor_say(struct doctor *doctor, enum doctor_state state, const char *name,
		const char *detail, const char *meaning);

/* doctor-system.c: what can be said only of a system that runs. */
void doctor_daemons(struct doctor *doctor, struct shell *shell);
void doctor_agent(struct doctor *doctor, struct shell *shell);
void doctor_cage(struct doctor *doctor, struct shell *shell);
