/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/tty-mode.h"

#include <unistd.h>

static void set(struct tty_mode *mode, tcflag_t off, int action)
{
	struct termios wanted;

	mode->changed = tcgetattr(STDIN_FILENO, &mode->before) == 0;
	if (!mode->changed)
		return; /* no terminal: nothing to set */
	wanted = mode->before;
	wanted.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
	wanted.c_lflag |= ISIG;
	wanted.c_lflag &= ~off;
	wanted.c_cc[VQUIT] = _POSIX_VDISABLE;
	wanted.c_cc[VMIN] = 1;
	wanted.c_cc[VTIME] = 0;
	(void)tcsetattr(STDIN_FILENO, action, &wanted); /* a terminal that is gone ends the input */
}

void tty_mode_edit(struct tty_mode *mode)
{
	set(mode, ECHO | ICANON | IEXTEN, TCSADRAIN);
}

void tty_mode_keys(struct tty_mode *mode)
{
	set(mode, ECHO | ICANON | IEXTEN, TCSAFLUSH);
}

void tty_mode_restore(struct tty_mode *mode)
{
	if (mode->changed)
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &mode->before); /* as above */
	mode->changed = false;
}
