/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * decision - the person's word on a question of the agent (L7).
 *
 * What leaves the machine or changes an identity document is released by the daemon that guards it
 * (via: egress, fs), on this program's own connection as the person: the agent cannot answer for
 * itself. claw-agentd is told afterwards, so that it goes on. A word for longer makes a rule at
 * claw-egressd, the one that was shown.
 *
 * The first word counts: where another terminal was quicker, claw-agentd is told that one.
 *
 * Errors     -ENOENT when the question is no longer open; -EALREADY when it was answered
 *            otherwise; what the daemons refuse.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <systemd/sd-json.h>

enum decision { DECISION_DENY, DECISION_ONCE, DECISION_THREAD, DECISION_ALWAYS };

/* event: a question record as it came from Subscribe. */
must_check int decision_give(int run_fd, sd_json_variant *event, enum decision decision,
			     struct error *err);

/* The rule that a word for longer makes; NULL where there is none. Borrowed from the event's data.
 */
const char *decision_rule(sd_json_variant *data);
