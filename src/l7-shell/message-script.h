/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * message-script - claw run FILE: the lines of a file as messages and direct forms, one after the
 * other (L7).
 *
 * Blank lines and lines that begin with # are passed over; a backslash at the end goes on in the
 * next line. The first one that is not answered ends it, with its status. "-" is standard input.
 *
 * Errors     A sentence that begins with FILE:LINE.
 * Tests      tests/process/test-claw-export.py.
 */
#pragma once

#include "base/error.h"

struct shell;

must_check int message_script_run(struct shell *shell, const char *const args[], struct error *err);
