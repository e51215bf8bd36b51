/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* agent-verbs - `claw agent new|list|show|rm`: the agents of this person (spec/agents.md) (L7). */
#pragma once

#include "l7-shell/shell.h"

int agent_verb(struct shell *shell, const char *const args[], struct error *err);
