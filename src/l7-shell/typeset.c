/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/typeset.h"

#include "l7-shell/markdown.h"
#include "l7-shell/sanitise.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_BYTES_MAX = 16 * 1024 * 1024 };

struct typeset {
	struct screen *screen;
	struct sanitiser sanitiser;
	struct markdown *markdown; /* NULL while no block is open, and always on a plain stream */
	struct buf shown;          /* raw text of this call that has been shown */
	bool open;                 /* a block is open */
	bool gap;                  /* live pieces are missing: wait for the record */
};

int typeset_open(struct screen *screen, struct typeset **ret)
{
	struct typeset *typeset = calloc(1, sizeof(*typeset));

	if (!typeset)
		return -ENOMEM;
	typeset->screen = screen;
	typeset->shown = BUF(TEXT_BYTES_MAX);
	*ret = typeset;
	return 0;
}

void typeset_close(struct typeset *typeset)
{
	if (!typeset)
		return;
	markdown_close(typeset->markdown);
	buf_free(&typeset->shown);
	free(typeset);
}

/* Rendering fails only without memory; the screen then says so at its next flush. */
static void fail(struct typeset *typeset, int r)
{
	if (r < 0 && typeset->screen->failed == 0)
		typeset->screen->failed = r;
}

/* A call that goes on after something else was shown: the renderer has to know where it is (in a
 * list, in a block of code); nothing of it is shown again. */
static int catch_up(struct typeset *typeset)
{
	struct buf harmless = BUF(TEXT_BYTES_MAX * 4), unseen = BUF(TEXT_BYTES_MAX * 4);
	int r = sanitise_feed(&typeset->sanitiser, buf_string(&typeset->shown),
			      typeset->shown.length, &harmless);

	if (r == 0 && harmless.length > 0)
		r = markdown_feed(typeset->markdown, harmless.data, harmless.length, &unseen);
	buf_truncate(&unseen, 0);
	if (r == 0 && harmless.length > 0)
		r = markdown_resume(typeset->markdown, &unseen);
	screen_put(typeset->screen, STYLE_PLAIN, buf_string(&unseen), unseen.length);
	buf_free(&harmless);
	buf_free(&unseen);
	return r;
}

static int open_block(struct typeset *typeset)
{
	const struct screen *screen = typeset->screen;
	const struct markdown_options options = {
		/* a full row would leave the cursor of a terminal between two rows */
		.columns = screen->columns - 1,
		.attributes = screen->terminal,
		.colour = screen->colour,
	};
	int r;

	typeset->open = true;
	typeset->sanitiser = (struct sanitiser){ 0 };
	screen_fresh_line(typeset->screen);
	if (!screen->terminal)
		return 0;
	r = markdown_open(&options, &typeset->markdown);
	return r < 0 ? r : catch_up(typeset);
}

static int render(struct typeset *typeset, const struct buf *harmless, bool last)
{
	struct buf out = BUF(TEXT_BYTES_MAX * 4);
	int r = 0;

	if (!typeset->markdown) {
		screen_put(typeset->screen, STYLE_PLAIN, buf_string(harmless), harmless->length);
		return 0;
	}
	r = markdown_feed(typeset->markdown, buf_string(harmless), harmless->length, &out);
	if (r == 0 && last)
		r = markdown_end(typeset->markdown, &out);
	screen_put(typeset->screen, STYLE_PLAIN, buf_string(&out), out.length);
	buf_free(&out);
	return r;
}

static void show(struct typeset *typeset, const char *text, size_t length)
{
	struct buf harmless = BUF(TEXT_BYTES_MAX * 4);
	int r = typeset->open || length == 0 ? 0 : open_block(typeset);

	if (r == 0)
		r = sanitise_feed(&typeset->sanitiser, text, length, &harmless);
	if (r == 0)
		r = render(typeset, &harmless, false);
	if (r == 0)
		r = buf_add(&typeset->shown, text, length);
	buf_free(&harmless);
	fail(typeset, r);
}

void typeset_start(struct typeset *typeset)
{
	typeset_end(typeset);
	buf_truncate(&typeset->shown, 0);
	typeset->gap = false;
}

void typeset_add(struct typeset *typeset, const char *text, uint64_t offset)
{
	size_t length = strlen(text), known = typeset->shown.length;

	if (typeset->gap || offset > known) {
		typeset->gap = true;
		return;
	}
	if (offset + length <= known)
		return; /* shown before a break */
	show(typeset, text + (known - offset), length - (size_t)(known - offset));
}

void typeset_whole(struct typeset *typeset, const char *text)
{
	size_t length = strlen(text), known = typeset->shown.length;

	if (known <= length && memcmp(buf_string(&typeset->shown), text, known) == 0) {
		show(typeset, text + known, length - known);
		return;
	}
	typeset_start(typeset);
	show(typeset, text, length);
}

void typeset_end(struct typeset *typeset)
{
	struct buf harmless = BUF(TEXT_BYTES_MAX);
	int r;

	if (!typeset->open)
		return;
	r = sanitise_end(&typeset->sanitiser, &harmless);
	if (r == 0)
		r = render(typeset, &harmless, true);
	buf_free(&harmless);
	screen_fresh_line(typeset->screen);
	markdown_close(typeset->markdown);
	typeset->markdown = NULL;
	typeset->open = false;
	fail(typeset, r);
}

void typeset_resize(struct typeset *typeset)
{
	if (typeset->markdown)
		markdown_resize(typeset->markdown, typeset->screen->columns - 1);
}

void typeset_break(struct typeset *typeset)
{
	typeset->gap = true;
}

bool typeset_is_idle(const struct typeset *typeset)
{
	return !typeset->open && typeset->shown.length == 0;
}
