/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   leak_find(), leak_replace(), leak_stream_add(): any text, whole and in pieces.
 * Property matches are those of a slow reader that tries every shape at every place; pieces of any
 *          size give what the whole gives; what is replaced is gone; what was a JSON string's
 *          content stays one.
 * Input    first byte: size of the pieces.
 * Corpus   fuzz/corpus/leak/
 */
#include "base/buf.h"
#include "l6-agent/leak-find.h"
#include "l6-agent/leak-text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TEXT_MAX = 8 << 20, SLOW_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
	if (!good)
		abort();
}

static bool in_class(char c, uint32_t mask)
{
	return leak_classes[(unsigned char)c] & mask;
}

static size_t slow_run(const char *text, size_t length, size_t at, uint32_t mask)
{
	size_t n = 0;

	while (at + n < length && in_class(text[at + n], mask))
		n++;
	return n;
}

static size_t slow_search(const char *text, size_t from, size_t to, const char *what)
{
	size_t n = strlen(what);

	for (; from + n <= to; from++)
		if (memcmp(text + from, what, n) == 0)
			return from;
	return SIZE_MAX;
}

static bool slow_pem(const char *text, size_t length, size_t at, size_t *ret)
{
	enum { BODY_MIN = 32, FOOT_MAX = 64 };
	size_t n = slow_run(text, length, at, LEAK_CLASS('m')), foot, to;

	n = n > LEAK_PEM_MAX ? LEAK_PEM_MAX : n;
	foot = slow_search(text, at, at + n, "-----END");
	if (foot != SIZE_MAX) {
		to = foot + FOOT_MAX < length ? foot + FOOT_MAX : length;
		*ret = slow_search(text, foot + strlen("-----END"), to, "-----");
		*ret = *ret == SIZE_MAX ? foot : *ret + strlen("-----");
		return foot - at >= BODY_MIN &&
		       leak_check_holds(LEAK_CHECK_MIXED, text + at, foot - at);
	}
	n = slow_run(text, length, at, LEAK_CLASS('p'));
	n = n > LEAK_PEM_MAX ? LEAK_PEM_MAX : n;
	*ret = at + n;
	return n >= BODY_MIN && leak_check_holds(LEAK_CHECK_MIXED, text + at, n);
}

static bool slow_same(const struct leak_shape *shape, const char *text, const char *literal,
		      size_t n)
{
	return (shape->any_case ? strncasecmp(text, literal, n) : memcmp(text, literal, n)) == 0;
}

/* The shape with its anchor at at, and nothing of it before from. */
static bool slow_shape(const struct leak_shape *shape, const char *text, size_t length, size_t from,
		       size_t at, struct leak_match *ret)
{
	static const uint32_t fronts[] = { 0, LEAK_CLASS('w'), LEAK_CLASS('u') };
	size_t start = at, checked;

	if (shape->anchor) {
		while (start > 0 && in_class(text[start - 1], shape->parts[0].mask))
			start--;
		if (at - start < shape->parts[0].min || at - start > shape->parts[0].max)
			return false;
	}
	if (start < from || (start > 0 && in_class(text[start - 1], fronts[shape->before])))
		return false;
	*ret = (struct leak_match){ .shape = shape, .start = start };
	checked = at + shape->parts[shape->anchor].length;
	for (size_t i = shape->anchor; i < shape->n_parts; i++) {
		const struct leak_part *part = &shape->parts[i];
		size_t n = part->length;

		if (i > shape->anchor && i == shape->begin)
			ret->start = checked = at;
		if (part->is_pem) {
			if (!slow_pem(text, length, at, &at))
				return false;
		} else if (part->literal) {
			if (length - at < n || !slow_same(shape, text + at, part->literal, n))
				return false;
			at += n;
		} else {
			n = slow_run(text, length, at, part->mask);
			if (n < part->min || n > part->max)
				return false;
			at += n;
		}
		if (i < shape->end)
			ret->end = at;
	}
	return leak_check_holds(shape->check, text + checked, ret->end - checked);
}

static bool slow_here(const char *text, size_t length, size_t from, size_t at,
		      struct leak_match *ret)
{
	bool found = false;

	for (size_t i = 0; i < leak_shape_count; i++) {
		struct leak_match match;

		if (!slow_shape(&leak_shapes[i], text, length, from, at, &match))
			continue;
		if (!found || match.end > ret->end)
			*ret = match;
		found = true;
	}
	return found;
}

static bool slow_find(const char *text, size_t length, size_t from, struct leak_match *ret)
{
	for (size_t at = from; at < length; at++) {
		struct leak_match inner;

		if (!slow_here(text, length, from, at, ret))
			continue;
		if (ret->start > at && slow_here(text, length, ret->start, ret->start, &inner) &&
		    inner.start == ret->start) {
			ret->shape = inner.shape;
			ret->end = inner.end > ret->end ? inner.end : ret->end;
		}
		return true;
	}
	return false;
}

static void compare(const char *text, size_t length)
{
	struct leak_match match = { 0 }, slow = { 0 };
	struct leak_finder finder;
	bool found = true;

	leak_finder_init(&finder, text, length, true);
	while (found) {
		enum leak_state state = leak_find(&finder, match.end, &match);

		found = slow_find(text, length, slow.end, &slow);
		must(state == (found ? LEAK_FOUND : LEAK_NONE));
		must(!found || (match.start == slow.start && match.end == slow.end &&
				match.shape == slow.shape));
	}
}

/* Inside a JSON string: every quotation mark and every line end is escaped. */
static bool is_content(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == '"')
			return false;
		if (text[i] == '\\' && (++i == length || !strchr("\"\\/bfnrtu", text[i])))
			return false;
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_buf struct buf whole = BUF(TEXT_MAX), pieces = BUF(TEXT_MAX);
	struct leak_stream stream = LEAK_STREAM;
	struct leak_tally tally = { 0 };
	const char *text = (const char *)data + 1;
	size_t step, length;

	if (size < 2)
		return 0;
	step = data[0] + 1U;
	length = size - 1;
	if (length <= SLOW_MAX)
		compare(text, length);
	if (leak_replace(text, length, &tally, &whole) == 0)
		must(whole.length == 0 && buf_add(&whole, text, length) == 0);
	for (size_t at = 0; at < length; at += step) {
		size_t n = length - at < step ? length - at : step;

		must(leak_stream_add(&stream, text + at, n, &pieces) == 0);
		must(stream.pending.length <= LEAK_HELD_MAX + step);
	}
	must(leak_stream_end(&stream, &pieces) == 0);
	must(whole.length == pieces.length &&
	     memcmp(buf_string(&whole), buf_string(&pieces), whole.length) == 0);
	must(memcmp(&stream.tally, &tally, sizeof(tally)) == 0);
	must(!is_content(text, length) || is_content(buf_string(&whole), whole.length));
	return 0;
}
