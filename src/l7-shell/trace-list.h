/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * trace-list - which turns there are, one line each: what `claw trace` can be asked about (L7).
 */
#pragma once

#include "l7-shell/shell.h"

#include <stdint.h>

/* The turns of --thread, or of every thread; args takes nothing. */
int trace_list(struct shell *shell, const char *const args[], struct error *err);

/* The last turn of the shell's thread; -ENOENT when it has none. */
must_check int trace_list_last(struct shell *shell, uint64_t *ret, struct error *err);
