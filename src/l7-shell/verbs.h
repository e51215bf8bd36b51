/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * verbs - the verbs of the command line: claw VERB … (L7).
 */
#pragma once

#include "l7-shell/command.h"

#include <stdio.h>

extern const struct command_table verbs_table;

/* Usage, verbs, options. */
void verbs_print(FILE *out);
