/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * export - a thread as a Markdown or JSON document (L7).
 *
 * /export [md|json] [FILE] and claw export: on standard output, or into a new file (0600), which is
 * never written over. JSON is what io.clawos.Agent.History answers; a file holds the texts as they
 * are, a terminal gets them harmless.
 *
 * Errors     -EEXIST and the file system's own; those of link.h.
 * Tests      tests/process/test-claw-export.py.
 */
#pragma once

#include "base/error.h"

struct shell;

must_check int export_thread(struct shell *shell, const char *const args[], struct error *err);
