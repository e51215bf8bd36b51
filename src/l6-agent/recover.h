/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * recover - takes up again what a crash or a stop left open (L6).
 *
 * Every turn without turn-done is made again from its accepted record, its progress from the
 * records behind it, and put into its thread's queue: turn_advance() then goes on where they end.
 */
#pragma once

#include "l6-agent/agent.h"

/* Returns how many turns were taken up. */
must_check int recover_turns(struct agent *agent, struct error *err);
