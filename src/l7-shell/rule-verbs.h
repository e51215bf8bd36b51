/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * rule-verbs - `claw rules` and `/rules`: the person sees, adds, changes and revokes rules (L7).
 *
 *     rules                     the rules, each with its number
 *     rules add RULE            allow|ask|deny TOOL ... (spec/egress.md, "Rules")
 *     rules set NUMBER RULE     another rule in the place of one
 *     rules rm NUMBER
 *
 * The rules are claw-egressd's; it reads and refuses them. Nothing but this and an answer to a
 * question makes one.
 *
 * Tests      tests/process/test-rules.py
 */
#pragma once

#include "base/error.h"

struct shell;

/* The words one by one, and as one line. */
must_check int rules_verb(struct shell *shell, const char *const args[], struct error *err);
must_check int rules_slash(struct shell *shell, const char *const args[], struct error *err);
