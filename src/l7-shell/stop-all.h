/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * stop-all - the person's last word: everything the agent is running now ends (L7).
 *
 * claw-sandboxd kills every cage, whoever made it; it is asked first and needs nobody else. Then
 * the turns that run are interrupted, so that the agent does not go on; what it launched in between
 * is killed too. An agent that does not answer within two seconds is passed over and named.
 *
 * Errors     When the cages could not be killed: the reason. The rest is told in the outcome.
 * Tests      tests/process/test-claw-verbs.py, test-claw-system.py.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct stop_outcome {
	unsigned cages;       /* were running */
	unsigned interrupted; /* turns */
	struct error agent;   /* code < 0: the agent could not be told */
};

must_check int stop_all(int run_fd, struct stop_outcome *ret, struct error *err);

struct screen;
/* One line for the person. */
void stop_all_tell(const struct stop_outcome *outcome, struct screen *screen);
