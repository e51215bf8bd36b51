/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * tty-mode - what the terminal does with keys (L7).
 *
 * Edit: every key comes at once and is not shown; Ctrl-C and Ctrl-Z are signals, no other key is.
 * Keys: the same for a terminal that shows lines itself, and what was typed before is thrown away,
 * so that it answers nothing.
 */
#pragma once

#include <stdbool.h>
#include <termios.h>

struct tty_mode {
	bool changed;
	struct termios before;
};

/* Each keeps what was in force in mode; without a terminal nothing is changed. */
void tty_mode_edit(struct tty_mode *mode);
void tty_mode_keys(struct tty_mode *mode);
void tty_mode_restore(struct tty_mode *mode);
