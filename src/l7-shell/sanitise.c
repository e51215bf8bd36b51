/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/sanitise.h"

#include "l7-shell/glyph.h"

#include <string.h>

enum {
	ZERO_WIDTH_NON_JOINER = 0x200C,
	ZERO_WIDTH_JOINER = 0x200D,
	SELECTOR_TEXT = 0xFE0E,
	SELECTOR_EMOJI = 0xFE0F,
	PLANE_FIRST = 0x10000,
};

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

static bool is_selector(uint32_t code)
{
	return code == SELECTOR_TEXT || code == SELECTOR_EMOJI;
}

/* True when the unseen character shapes the visible one in front of it. */
static bool may_join(const struct sanitiser *sanitiser, uint32_t code)
{
	if (code == ZERO_WIDTH_JOINER || code == ZERO_WIDTH_NON_JOINER)
		return sanitiser->join != SANITISE_JOIN_NONE;
	return is_selector(code) && sanitiser->join == SANITISE_JOIN_SELECTED;
}

static enum sanitise_join join_after(uint32_t code)
{
	/* beyond ASCII only the bases of keycaps carry a selector */
	return code >= 0x80 || (code >= '#' && code <= '9') ? SANITISE_JOIN_SELECTED
							    : SANITISE_JOIN_NONE;
}

static int add_escape(struct sanitiser *sanitiser, uint32_t code, struct buf *out)
{
	sanitiser->join = SANITISE_JOIN_NONE;
	sanitiser->marks = 0;
	if (code == '\n')
		return buf_add_string(out, "\\n");
	if (code == '\t')
		return buf_add_string(out, "\\t");
	return buf_printf(out, code < 0x80 ? "\\x%02x" : "\\u{%x}", code);
}

static int add_code(struct sanitiser *sanitiser, uint32_t code, const char *bytes, size_t length,
		    struct buf *out)
{
	bool breaks = code == '\n' || code == '\t';

	if (may_join(sanitiser, code)) {
		sanitiser->join = is_selector(code) ? SANITISE_JOIN_ONE : SANITISE_JOIN_NONE;
		return buf_add(out, bytes, length);
	}
	if ((is_control(code) && (!breaks || (sanitiser->flags & SANITISE_LINE))) ||
	    glyph_is_unseen(code))
		return add_escape(sanitiser, code, out);
	if (glyph_is_mark(code)) {
		if (++sanitiser->marks > SANITISE_MARKS_MAX) {
			unsigned marks = sanitiser->marks;
			int r = add_escape(sanitiser, code, out);

			sanitiser->marks = marks;
			return r;
		}
	} else {
		sanitiser->marks = 0;
	}
	sanitiser->join = join_after(code);
	return buf_add(out, bytes, length);
}

/* Takes what it can from the front; *ret_taken is 0 when the rest has to be held. */
static int take(struct sanitiser *sanitiser, const char *at, size_t left, bool last,
		struct buf *out, size_t *ret_taken)
{
	uint32_t code = 0;
	size_t length = 1;

	*ret_taken = 0;
	if (*at == '\r' && left == 1 && !last)
		return 0;
	if (*at == '\r' && left > 1 && at[1] == '\n') {
		*ret_taken = 1;
		return 0;
	}
	switch (glyph_decode(at, left, &code, &length)) {
	case GLYPH_READ:
		*ret_taken = length;
		return add_code(sanitiser, code, at, length, out);
	case GLYPH_CUT:
		if (!last)
			return 0;
		break;
	case GLYPH_MALFORMED:
		break;
	}
	*ret_taken = 1;
	sanitiser->join = SANITISE_JOIN_NONE;
	sanitiser->marks = 0;
	return buf_printf(out, "\\x%02x", (uint8_t)*at);
}

static int take_held(struct sanitiser *sanitiser, bool last, struct buf *out)
{
	size_t at = 0, taken = 1;
	int r = 0;

	while (r == 0 && at < sanitiser->n_held && taken > 0) {
		r = take(sanitiser, sanitiser->held + at, sanitiser->n_held - at, last, out,
			 &taken);
		at += taken;
	}
	memmove(sanitiser->held, sanitiser->held + at, sanitiser->n_held - at);
	sanitiser->n_held -= at;
	return r;
}

/* Printable ASCII in front that needs no look. */
static size_t plain_run(const char *bytes, size_t length)
{
	size_t n = 0;

	while (n < length && bytes[n] >= ' ' && bytes[n] < 0x7F)
		n++;
	return n;
}

int sanitise_feed(struct sanitiser *sanitiser, const char *bytes, size_t length, struct buf *out)
{
	size_t at = 0;
	int r = 0;

	while (r == 0 && at < length && sanitiser->n_held > 0) {
		sanitiser->held[sanitiser->n_held++] = bytes[at++];
		r = take_held(sanitiser, false, out);
	}
	while (r == 0 && at < length) {
		size_t run = plain_run(bytes + at, length - at), taken;

		if (run > 1) { /* the last one is looked at: it may carry a mark or a joiner */
			r = buf_add(out, bytes + at, run - 1);
			at += run - 1;
			continue;
		}
		r = take(sanitiser, bytes + at, length - at, false, out, &taken);
		if (r == 0 && taken == 0) {
			sanitiser->n_held = length - at;
			memcpy(sanitiser->held, bytes + at, sanitiser->n_held);
			return 0;
		}
		at += taken;
	}
	return r;
}

int sanitise_end(struct sanitiser *sanitiser, struct buf *out)
{
	int r = take_held(sanitiser, true, out);

	*sanitiser = (struct sanitiser){ .flags = sanitiser->flags };
	return r;
}

int sanitise_text(const char *text, size_t length, unsigned flags, struct buf *out)
{
	struct sanitiser sanitiser = { .flags = flags };
	int r = sanitise_feed(&sanitiser, text, length, out);

	return r < 0 ? r : sanitise_end(&sanitiser, out);
}

static int add_json_escape(uint32_t code, struct buf *out)
{
	if (code < PLANE_FIRST)
		return buf_printf(out, "\\u%04x", code);
	code -= PLANE_FIRST;
	return buf_printf(out, "\\u%04x\\u%04x", 0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF));
}

int sanitise_json(const char *json, struct buf *out)
{
	size_t left = strlen(json);
	int r = 0;

	while (r == 0 && left > 0) {
		uint32_t code = 0;
		size_t length = 1;

		if (glyph_decode(json, left, &code, &length) != GLYPH_READ)
			return -EINVAL; /* the writer of JSON lets no such byte through */
		if (is_control(code) || glyph_is_unseen(code))
			r = add_json_escape(code, out);
		else
			r = buf_add(out, json, length);
		json += length;
		left -= length;
	}
	return r;
}
