/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tty-mode - the terminal while the line editor does not have it (L7).
 *
 * Quiet: typed characters are kept for the next prompt, not shown; Ctrl-C is a signal. Keys: one
 * key at a time, what was typed before is thrown away, so that it answers nothing.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

struct tty_mode {
	bool changed;
	struct termios before;
};

/* Each keeps what was in force in mode; without a terminal nothing is changed. */
void tty_mode_quiet(struct tty_mode *mode);
void tty_mode_keys(struct tty_mode *mode);
void tty_mode_restore(struct tty_mode *mode);
