/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/patch.h"

#include "l5-wasm/near-lines.h"

enum { LISTED_MAX = 8, CRLF_BYTES_MAX = 16 * 1024 * 1024 };

static size_t line_of(const char *text, const char *at)
{
	size_t line = 1;

	while ((text = memchr(text, '\n', (size_t)(at - text)))) {
		text++;
		line++;
	}
	return line;
}

static size_t count_places(const char *text, size_t length, const char *old, size_t n_old)
{
	const char *end = text + length, *at = text;
	size_t n = 0;

	while ((at = memmem(at, (size_t)(end - at), old, n_old))) {
		at += n_old;
		n++;
	}
	return n;
}

static int replace(const struct patch *patch, const char *text, size_t length, struct buf *ret_text,
		   struct patch_done *ret)
{
	const char *end = text + length, *at = text, *next;
	int r = 0;

	while (r == 0 &&
	       (next = memmem(at, (size_t)(end - at), patch->old_text, patch->old_length))) {
		if (ret->places++ == 0)
			ret->first_line = line_of(text, next);
		r = buf_add(ret_text, at, (size_t)(next - at));
		if (r == 0)
			r = buf_add(ret_text, patch->new_text, patch->new_length);
		at = next + patch->old_length;
	}
	return r < 0 ? r : buf_add(ret_text, at, (size_t)(end - at));
}

static int fail_several(const struct patch *patch, const char *text, size_t length, size_t places,
			struct buf *why)
{
	const char *end = text + length, *at = text;
	int r = buf_printf(why, "old_string occurs %zu times, at lines ", places);

	for (size_t i = 0; r == 0 && i < places && i < LISTED_MAX; i++) {
		at = memmem(at, (size_t)(end - at), patch->old_text, patch->old_length);
		r = buf_printf(why, "%s%zu", i > 0 ? ", " : "", line_of(text, at));
		at += patch->old_length;
	}
	if (r == 0)
		r = buf_printf(why,
			       "%s: add lines around it so that it is unique, or set replace_all",
			       places > LISTED_MAX ? ", …" : "");
	return r < 0 ? r : -EEXIST;
}

/* Appends text with each LF that has no CR before it as CRLF. */
static int add_crlf(const char *text, size_t length, struct buf *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < length; i++) {
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'))
			r = buf_add_char(to, '\r');
		if (r == 0)
			r = buf_add_char(to, text[i]);
	}
	return r;
}

/* "12\tcode" or "  12→code" in every line: copied with the numbers of a listing. */
static bool has_line_numbers(const char *text, size_t length)
{
	size_t n = 0;

	for (const char *at = text, *end = text + length; at < end; n++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *c = at;

		while (c < end && *c == ' ')
			c++;
		if (c == end || !isdigit((unsigned char)*c))
			return false;
		while (c < end && isdigit((unsigned char)*c))
			c++;
		if (c == end || !(*c == '\t' || *c == '|' || *c == ':' ||
				  (end - c >= 3 && memcmp(c, "\xE2\x86\x92", 3) == 0)))
			return false;
		at = newline ? newline + 1 : end;
	}
	return n > 0;
}

/* The text with \n, \t and \" as the characters they stand for. */
static int add_unescaped(const char *text, size_t length, struct buf *to)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < length; i++) {
		char c = text[i];

		if (c == '\\' && i + 1 < length && strchr("nt\"\\", text[i + 1])) {
			i++;
			c = (char)(text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i]);
		}
		r = buf_add_char(to, c);
	}
	return r;
}

static int fail_absent(const struct patch *patch, const char *text, size_t length, struct buf *why)
{
	auto_buf struct buf plain = BUF(CRLF_BYTES_MAX);
	int r = buf_add_string(why, "old_string does not occur in the file");

	if (r == 0)
		r = add_unescaped(patch->old_text, patch->old_length, &plain);
	if (r < 0)
		return r;
	if (plain.length != patch->old_length && plain.length > 0 &&
	    count_places(text, length, plain.data, plain.length) > 0)
		r = buf_add_string(why,
				   ": it has escapes like \\n where the file has the characters "
				   "themselves. Send real line breaks, tabs and quotes");
	else if (has_line_numbers(patch->old_text, patch->old_length))
		r = buf_add_string(why,
				   ": it has line numbers in front of its lines. Leave them out");
	else if (patch->new_length > 0 &&
		 count_places(text, length, patch->new_text, patch->new_length) > 0)
		r = buf_add_string(why,
				   ", but new_string does: the change may have been made already");
	else
		r = near_lines_put(text, length, patch->old_text, patch->old_length, why);
	return r < 0 ? r : -ENOENT;
}

/* Once more with the line ends of the file. -ENOENT when that does not occur either. */
static int apply_crlf(const struct patch *patch, const char *text, size_t length,
		      struct buf *ret_text, struct patch_done *ret, struct buf *why)
{
	auto_buf struct buf old = BUF(CRLF_BYTES_MAX), new = BUF(CRLF_BYTES_MAX);
	struct patch crlf = { .all = patch->all };
	size_t places;
	int r = add_crlf(patch->old_text, patch->old_length, &old);

	if (r == 0)
		r = add_crlf(patch->new_text, patch->new_length, &new);
	if (r < 0)
		return r;
	if (old.length == patch->old_length)
		return -ENOENT;
	crlf.old_text = old.data;
	crlf.old_length = old.length;
	crlf.new_text = buf_string(&new);
	crlf.new_length = new.length;
	places = count_places(text, length, crlf.old_text, crlf.old_length);
	if (places == 0)
		return -ENOENT;
	if (places > 1 && !patch->all)
		return fail_several(&crlf, text, length, places, why);
	ret->crlf = true;
	return replace(&crlf, text, length, ret_text, ret);
}

int patch_apply(const struct patch *patch, const char *text, size_t length, struct buf *ret_text,
		struct patch_done *ret, struct buf *why)
{
	size_t places;
	int r;

	*ret = (struct patch_done){ 0 };
	if (patch->old_length == 0)
		r = buf_add_string(why,
				   "old_string is empty: give the text to replace, or write the "
				   "whole file with write_file");
	else if (patch->old_length == patch->new_length &&
		 memcmp(patch->old_text, patch->new_text, patch->old_length) == 0)
		r = buf_add_string(why,
				   "old_string and new_string are the same: nothing to change");
	else
		r = 1;
	if (r <= 0)
		return r < 0 ? r : -EINVAL;
	places = count_places(text, length, patch->old_text, patch->old_length);
	if (places == 0) {
		r = apply_crlf(patch, text, length, ret_text, ret, why);
		return r == -ENOENT ? fail_absent(patch, text, length, why) : r;
	}
	if (places > 1 && !patch->all)
		return fail_several(patch, text, length, places, why);
	return replace(patch, text, length, ret_text, ret);
}
