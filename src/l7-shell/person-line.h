/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * person-line - what tools say to the person: a message, a plan with its steps (L7).
 *
 * Tests      tests/unit/l7-shell/test-person-line.c
 */
#pragma once

#include "l7-shell/screen.h"

#include <systemd/sd-json.h>

/* Shows a call of message or plan_update by its arguments. False: it is of another tool. */
bool person_line_show(struct screen *screen, const char *tool, sd_json_variant *arguments);
void person_line_message(struct screen *screen, const char *text);
/* Whether a call that went well has been shown whole. */
bool person_line_is_shown(const char *tool);
