/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * verbs - the verbs of the command line: claw VERB … (L7).
 */
#pragma once

#include "base/error.h"
#include "l7-shell/command.h"

#include <stdio.h>

extern const struct command_table verbs_table;

/* Usage, verbs, options; of one verb when it is named (NULL: all). COMMAND_USAGE: there is none. */
must_check int verbs_print(FILE *out, const char *name, struct error *err);
