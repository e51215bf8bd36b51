/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * terminal-modes - what a foreign program leaves switched on in the terminal, and how it is taken
 * back (L7).
 *
 * The bytes of a person's own command reach the terminal as they are. They are watched on the way:
 * private modes (the other screen, mouse, a hidden cursor), insert mode, the margins, the keypad,
 * another character set, a sequence that was never ended. Only what was switched is switched back,
 * so a terminal that knows little sees nothing it does not know.
 *
 * Ownership  Values only.
 * Errors     -ENOMEM, -EMSGSIZE of out.
 * Source     ECMA-48; xterm's control sequences (ctlseqs).
 * Tests      tests/unit/l7-shell/test-terminal-modes.c.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct terminal_modes {
	unsigned changed; /* a bit per row of the table: not as it should be */
	bool margins, keypad, charset, insert, unended_style;
	bool at_start, at_start_outside; /* cursor in column 0; ... before the other screen */
	enum {
		MODES_TEXT,
		MODES_ESCAPE,
		MODES_CHARSET,
		MODES_CSI,
		MODES_STRING,       /* OSC, DCS, APC, PM, SOS: up to BEL or ST */
		MODES_STRING_ESCAPE /* the ESC of an ST */
	} state;
	char held[32]; /* parameters of a CSI */
	size_t n_held; /* beyond its room: the sequence is none that is known */
};

/* What is in force before the program: nothing switched, the cursor at the start of a line. */
#define TERMINAL_MODES ((struct terminal_modes){ .at_start = true, .at_start_outside = true })

void terminal_modes_feed(struct terminal_modes *modes, const char *bytes, size_t length);

/* Appends what takes everything back, attributes included; the cursor is then at the start of a
 * line. */
must_check int terminal_modes_restore(struct terminal_modes *modes, struct buf *out);
