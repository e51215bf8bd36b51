/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * decision - the person's word on a question of the agent (L7).
 *
 * What leaves the machine or changes an identity document is released by the daemon that guards it
 * (via: egress, fs), on this program's own connection as the person: the agent cannot answer for
 * itself. claw-agentd is told afterwards, so that it goes on.
 *
 * Errors     -ENOENT when the question is no longer open; what the daemons refuse.
 */
#pragma once

#include "base/error.h"

#include <systemd/sd-json.h>

enum decision { DECISION_DENY, DECISION_ONCE, DECISION_ALWAYS };

/* event: a question record as it came from Subscribe. */
must_check int decision_give(int run_fd, sd_json_variant *event, enum decision decision,
			     struct error *err);
