/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * secret-line - one line that says which secrets were replaced, and where (L7).
 *
 * Source     spec/secrets.md. Tests: tests/process/test-secrets.py.
 */
#pragma once

#include "l7-shell/screen.h"

#include <stdbool.h>
#include <systemd/sd-json.h>

/* Does this event's data tell of replaced secrets that a person has not been told of? */
bool secret_line_is_due(sd_json_variant *data);
/* "replaced: openai-key in your message, 2 × jwt in the result" and the line's end. */
void secret_line(struct screen *screen, unsigned style, sd_json_variant *data);
