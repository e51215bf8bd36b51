/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * prepare - `claw prepare`: waits until the local model has read what stands in front of every
 * question, and shows how far it is (L7).
 *
 * Nothing waits for it: the first question is only faster. Set-up runs it; a call that is broken
 * off loses nothing, claw-llmd goes on or takes up its work again.
 *
 * Source     spec/varlink/io.clawos.Agent.varlink (Prepare).
 */
#pragma once

#include "l7-shell/shell.h"

/* The verb. */
int prepare_run(struct shell *shell, const char *const args[], struct error *err);
