/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* exchange-error - what the errors of claw-egressd and claw-llmd mean to a person (L6). */
#pragma once

#include "base/error.h"

#include <stdint.h>

#include <systemd/sd-json.h>

/* The last part of the name: "ProviderFailed". */
const char *exchange_error_name(const char *error_id);

/*
 * Puts one sentence into err and returns a code: -ECONNRESET (the daemon was lost: the call may be
 * made again), -E2BIG (too long for the model), -EHOSTDOWN and others (final).
 */
int exchange_error_explain(const char *error_id, sd_json_variant *parameters, struct error *err);

/* Says behind the reason what the provider says to wait; 0: nothing. */
void exchange_error_add_wait(struct error *err, uint64_t wait_ms);
