/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/screen.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/glyph.h"
#include "l7-shell/sanitise.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
	OUT_BYTES_MAX = 64 * 1024 * 1024, /* of one answer between two flushes */
	OUT_BYTES_KEPT = 64 * 1024,
	LINE_BYTES_MAX = 64 * 1024,
};

#define STATUS_ERASE "\r\033[K"
#define ELLIPSIS "\xE2\x80\xA6"

void screen_measure(struct screen *screen)
{
	struct winsize size = { 0 };

	if (ioctl(screen->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		screen->columns = SCREEN_COLUMNS_DEFAULT;
	else
		screen->columns =
			size.ws_col < SCREEN_COLUMNS_MIN ? SCREEN_COLUMNS_MIN : size.ws_col;
	screen->rows = size.ws_row > 0 ? size.ws_row : SCREEN_ROWS_DEFAULT;
}

void screen_open(struct screen *screen, int fd)
{
	const char *term = getenv("TERM"), *no_colour = getenv("NO_COLOR");

	*screen = (struct screen){ .fd = fd, .at_start = true, .out = BUF(OUT_BYTES_MAX) };
	screen->terminal = isatty(fd) == 1 && term && *term && strcmp(term, "dumb") != 0;
	screen->colour = screen->terminal && !(no_colour && *no_colour);
	screen_measure(screen);
}

void screen_keep_plain(struct screen *screen)
{
	screen->terminal = screen->colour = false;
}

void screen_close(struct screen *screen)
{
	buf_free(&screen->out);
}

static const struct attribute {
	unsigned style;
	bool colour;
	const char *code;
} attributes[] = {
	{ STYLE_BOLD, false, "1" },      { STYLE_DIM, false, "2" },    { STYLE_ITALIC, false, "3" },
	{ STYLE_UNDERLINE, false, "4" }, { STYLE_STRIKE, false, "9" }, { STYLE_CODE, true, "36" },
	{ STYLE_HEAD, true, "34" },      { STYLE_GOOD, true, "32" },   { STYLE_BAD, true, "31" },
	{ STYLE_ASK, true, "33" },
};

int screen_style_change(unsigned from, unsigned to, bool colour, struct buf *out)
{
	int r;

	if (from == to)
		return 0;
	r = buf_add_string(out, "\033[0");
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]) && r == 0; i++)
		if ((to & attributes[i].style) && (colour || !attributes[i].colour))
			r = buf_printf(out, ";%s", attributes[i].code);
	return r < 0 ? r : buf_add_char(out, 'm');
}

static void remember(struct screen *screen, int r)
{
	if (r < 0 && screen->failed == 0)
		screen->failed = r;
}

static void erase_status(struct screen *screen)
{
	if (!screen->has_status)
		return;
	screen->has_status = false;
	remember(screen, buf_add_string(&screen->out, STATUS_ERASE));
}

void screen_put(struct screen *screen, unsigned style, const char *text, size_t length)
{
	if (length == 0 || screen->failed < 0)
		return;
	erase_status(screen);
	if (!screen->terminal)
		style = STYLE_PLAIN;
	if (style != screen->style) {
		remember(screen,
			 screen_style_change(screen->style, style, screen->colour, &screen->out));
		screen->style = style;
	}
	remember(screen, buf_add(&screen->out, text, length));
	screen->at_start = text[length - 1] == '\n';
}

void screen_own(struct screen *screen, unsigned style, const char *fmt, ...)
{
	auto_buf struct buf text = BUF(LINE_BYTES_MAX);
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = buf_vprintf(&text, fmt, ap);
	va_end(ap);
	remember(screen, r);
	screen_put(screen, style, buf_string(&text), text.length);
}

void screen_foreign(struct screen *screen, unsigned style, const char *text, size_t max_columns)
{
	auto_buf struct buf shown = BUF(LINE_BYTES_MAX);
	size_t length = strnlen(text, LINE_BYTES_MAX / 8),
	       fits; /* an escape takes up to 8 bytes per byte */

	remember(screen, sanitise_text(text, length, SANITISE_LINE, &shown));
	if (max_columns == 0 || glyph_text_width(buf_string(&shown), shown.length) <= max_columns) {
		screen_put(screen, style, buf_string(&shown), shown.length);
		return;
	}
	fits = glyph_fit(buf_string(&shown), shown.length, max_columns - 1);
	screen_put(screen, style, buf_string(&shown), fits);
	screen_put(screen, style, ELLIPSIS, strlen(ELLIPSIS));
}

void screen_foreign_block(struct screen *screen, unsigned style, const char *text, size_t length)
{
	auto_buf struct buf shown = BUF(OUT_BYTES_MAX);

	remember(screen, sanitise_text(text, length, 0, &shown));
	screen_put(screen, style, buf_string(&shown), shown.length);
}

void screen_fresh_line(struct screen *screen)
{
	if (!screen->at_start)
		screen_put(screen, STYLE_PLAIN, "\n", 1);
}

void screen_status(struct screen *screen, const char *text)
{
	auto_buf struct buf line = BUF(LINE_BYTES_MAX);
	size_t fits;

	if (!screen->terminal || !screen->at_start)
		return;
	remember(screen,
		 sanitise_text(text, strnlen(text, LINE_BYTES_MAX / 8), SANITISE_LINE, &line));
	fits = glyph_fit(buf_string(&line), line.length, screen->columns - 1);
	screen_put(screen, STYLE_DIM, buf_string(&line), fits);
	screen_put(screen, STYLE_PLAIN, "\r", 1); /* the next output begins over it */
	screen->at_start = true;
	screen->has_status = true;
}

void screen_settle(struct screen *screen)
{
	erase_status(screen);
}

int screen_flush(struct screen *screen, struct error *err)
{
	if (screen->failed == 0 && screen->out.length > 0) {
		if (screen->style != STYLE_PLAIN) {
			remember(screen, screen_style_change(screen->style, STYLE_PLAIN,
							     screen->colour, &screen->out));
			screen->style = STYLE_PLAIN;
		}
		remember(screen, dir_write_all(screen->fd, screen->out.data, screen->out.length));
	}
	if (screen->out.capacity > OUT_BYTES_KEPT)
		buf_free(&screen->out);
	else
		buf_truncate(&screen->out, 0);
	return screen->failed < 0
		       ? FAIL(err, screen->failed, "writing output: %s", strerror(-screen->failed))
		       : 0;
}
