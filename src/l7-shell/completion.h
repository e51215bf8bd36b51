/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * completion - what bash, zsh and fish need to complete claw's command line, from its tables (L7).
 *
 * claw completion bash|zsh|fish prints it. Names of files and directories are the shell's; nothing
 * asks the system while somebody types.
 *
 * Tests      tests/process/test-claw-completion.py.
 */
#pragma once

#include "base/error.h"

struct shell;

/* Calls act(word) for each word of a usage that is typed as it stands: show|check|import FILE has
 * three. A negative return ends it and is returned. */
must_check int completion_each_word(const char *usage, int (*act)(const char *word, void *data),
				    void *data);

must_check int completion_print(struct shell *shell, const char *const args[], struct error *err);
