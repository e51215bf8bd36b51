/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/terminal-modes.h"

#include <string.h>

enum { ESC = 0x1B, BEL = 0x07, CAN = 0x18, SUB = 0x1A, DEL = 0x7F };

/* Private modes (CSI ? n h, CSI ? n l) that a program may leave behind. */
static const struct mode_row {
	const char *number;
	bool on;     /* as it should be */
	bool screen; /* the other screen */
} modes_table[] = {
	{ "1", false, false },    { "5", false, false },    { "6", false, false },
	{ "7", true, false },     { "9", false, false },    { "25", true, false },
	{ "47", false, true },    { "1047", false, true },  { "1049", false, true },
	{ "1000", false, false }, { "1001", false, false }, { "1002", false, false },
	{ "1003", false, false }, { "1004", false, false }, { "1005", false, false },
	{ "1006", false, false }, { "1015", false, false }, { "1016", false, false },
	{ "2004", false, false }, { "2026", false, false },
};
enum { MODE_ROWS = sizeof(modes_table) / sizeof(modes_table[0]) };
_Static_assert(MODE_ROWS <= 32, "struct terminal_modes.changed has a bit per row");

static void set_mode(struct terminal_modes *modes, const char *number, size_t length, bool on)
{
	for (size_t i = 0; i < MODE_ROWS; i++) {
		const struct mode_row *row = &modes_table[i];
		unsigned bit = 1u << (unsigned)i;

		if (strlen(row->number) != length || memcmp(row->number, number, length) != 0)
			continue;
		if (row->screen && on && !(modes->changed & bit))
			modes->at_start_outside = modes->at_start;
		if (row->screen && !on && (modes->changed & bit))
			modes->at_start = modes->at_start_outside;
		modes->changed = on == row->on ? modes->changed & ~bit : modes->changed | bit;
	}
}

/* CSI ? 1 ; 25 h names several. */
static void set_modes(struct terminal_modes *modes, bool on)
{
	size_t at = 1;

	while (at < modes->n_held) {
		size_t n = 0;

		while (at + n < modes->n_held && modes->held[at + n] != ';')
			n++;
		set_mode(modes, modes->held + at, n, on);
		at += n + 1;
	}
}

static void end_csi(struct terminal_modes *modes, char final)
{
	bool known = modes->n_held <= sizeof(modes->held);

	modes->state = MODES_TEXT;
	if (!known)
		return;
	if ((final == 'h' || final == 'l') && modes->n_held > 0 && modes->held[0] == '?')
		set_modes(modes, final == 'h');
	else if ((final == 'h' || final == 'l') && modes->n_held == 1 && modes->held[0] == '4')
		modes->insert = final == 'h';
	else if (final == 'r' && (modes->n_held == 0 || modes->held[0] != '?'))
		modes->margins = modes->n_held > 0;
	else if (final == 'm')
		modes->unended_style =
			modes->n_held > 0 && !(modes->n_held == 1 && modes->held[0] == '0');
	else if (final == 'H' || final == 'f')
		modes->at_start = modes->n_held == 0;
}

static void take_escape(struct terminal_modes *modes, char byte)
{
	modes->state = MODES_TEXT;
	switch (byte) {
	case '[':
		modes->state = MODES_CSI;
		modes->n_held = 0;
		break;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		modes->state = MODES_STRING;
		break;
	case '(':
	case ')':
		modes->state = MODES_CHARSET;
		break;
	case '=':
		modes->keypad = true;
		break;
	case '>':
		modes->keypad = false;
		break;
	case 'c': /* everything anew */
		*modes = TERMINAL_MODES;
		break;
	default:
		break;
	}
}

static void take_text(struct terminal_modes *modes, char byte)
{
	if (byte == ESC)
		modes->state = MODES_ESCAPE;
	else if (byte == '\n' || byte == '\r')
		modes->at_start = true;
	else if (byte == 0x0E || byte == 0x0F)
		modes->charset = byte == 0x0E;
	else if ((unsigned char)byte >= ' ' && byte != DEL)
		modes->at_start = false;
	else if (byte == '\t')
		modes->at_start = false;
}

static void take_csi(struct terminal_modes *modes, char byte)
{
	if (byte >= '@' && byte <= '~') {
		end_csi(modes, byte);
		return;
	}
	if (modes->n_held < sizeof(modes->held))
		modes->held[modes->n_held] = byte;
	if (modes->n_held <= sizeof(modes->held))
		modes->n_held++;
}

static void take(struct terminal_modes *modes, char byte)
{
	if (byte == CAN || byte == SUB) {
		modes->state = MODES_TEXT;
		return;
	}
	switch (modes->state) {
	case MODES_TEXT:
		take_text(modes, byte);
		break;
	case MODES_ESCAPE:
		take_escape(modes, byte);
		break;
	case MODES_CHARSET:
		modes->charset = byte != 'B';
		modes->state = MODES_TEXT;
		break;
	case MODES_CSI:
		if (byte == ESC)
			modes->state = MODES_ESCAPE;
		else
			take_csi(modes, byte);
		break;
	case MODES_STRING:
		if (byte == BEL)
			modes->state = MODES_TEXT;
		else if (byte == ESC)
			modes->state = MODES_STRING_ESCAPE;
		break;
	case MODES_STRING_ESCAPE:
		modes->state = MODES_TEXT; /* the string ends with its ESC, whatever follows */
		if (byte != '\\')
			take_escape(modes, byte);
		break;
	}
}

void terminal_modes_feed(struct terminal_modes *modes, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		take(modes, bytes[i]);
}

static int end_sequence(const struct terminal_modes *modes, struct buf *out)
{
	switch (modes->state) {
	case MODES_TEXT:
		return 0;
	case MODES_STRING:
		return buf_add_string(out, "\033\\");
	case MODES_STRING_ESCAPE:
		return buf_add_string(out, "\\");
	case MODES_ESCAPE:
	case MODES_CHARSET:
	case MODES_CSI:
		return buf_add_char(out, CAN);
	}
	return 0;
}

int terminal_modes_restore(struct terminal_modes *modes, struct buf *out)
{
	int r = end_sequence(modes, out);

	if (r == 0 && modes->insert)
		r = buf_add_string(out, "\033[4l");
	if (r == 0 && modes->keypad)
		r = buf_add_string(out, "\033>");
	if (r == 0 && modes->charset)
		r = buf_add_string(out, "\017\033(B");
	if (r == 0 && modes->margins) /* it takes the cursor to the corner */
		r = buf_add_string(out, "\0337\033[r\0338");
	for (size_t i = 0; i < MODE_ROWS && r == 0; i++) {
		const struct mode_row *row = &modes_table[i];

		if (!(modes->changed & (1u << (unsigned)i)))
			continue;
		if (row->screen)
			modes->at_start = modes->at_start_outside;
		r = buf_printf(out, "\033[?%s%c", row->number, row->on ? 'h' : 'l');
	}
	if (r == 0 && modes->unended_style)
		r = buf_add_string(out, "\033[0m");
	if (r == 0 && !modes->at_start)
		r = buf_add_string(out, "\r\n");
	if (r == 0)
		*modes = TERMINAL_MODES;
	return r;
}
