/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * sandbox-peer - the owner's verbs at claw-sandboxd: WORKSPACE, STOP, STATUS (L7).
 *
 * Errors     What the daemon refused, in its words; -ETIMEDOUT when it does not answer.
 * Source     src/l2-kernel/launch-record.h.
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/launch-record.h"

#include <stdbool.h>

must_check int sandbox_peer_workspace(int run_fd, uint32_t number, int dir_fd, bool writable,
				      struct error *err);
must_check int sandbox_peer_stop(int run_fd, struct error *err);
must_check int sandbox_peer_status(int run_fd, struct launch_status *ret, struct error *err);
