/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * once - `claw -m`: one message, its answer, an exit status (L7).
 *
 * Source     spec/shell-json.md. Tests: tests/process/test-claw.py.
 */
#pragma once

#include "l7-shell/shell.h"

/*
 * The text is borrowed; takes_context: standard input goes along. An exit status of enum
 * shell_exit, or -errno before the message was accepted.
 */
must_check int once_ask(struct shell *shell, const char *text, bool takes_context,
			struct error *err);
