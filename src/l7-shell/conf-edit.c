/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/conf-edit.h"

#include <stdbool.h>
#include <string.h>

static size_t skip_blanks(const char *text, size_t at)
{
	return at + strspn(text + at, " \t");
}

static bool is_section(const char *line, const char *section)
{
	size_t at = skip_blanks(line, 0), n = strlen(section);

	return line[at] == '[' && strncmp(line + at + 1, section, n) == 0 &&
	       line[at + 1 + n] == ']';
}

static bool is_key(const char *line, const char *key)
{
	size_t at = skip_blanks(line, 0), n = strlen(key);

	return strncmp(line + at, key, n) == 0 && line[skip_blanks(line, at + n)] == '=';
}

static bool is_one_line(const char *value)
{
	for (; *value; value++)
		if ((unsigned char)*value < ' ' || *value == 0x7F)
			return false;
	return true;
}

/* Where the line goes: *ret_length bytes at *ret_at are replaced. False: the section does not
 * exist. */
static bool find_place(const char *text, const char *section, const char *key, size_t *ret_at,
		       size_t *ret_length)
{
	bool inside = false, found = false;
	size_t at = 0;

	while (text[at]) {
		const char *line = text + at;
		size_t n = strcspn(line, "\n");
		size_t next = at + n + (line[n] == '\n');

		if (line[skip_blanks(line, 0)] == '[')
			inside = is_section(line, section);
		else if (inside && is_key(line, key)) {
			*ret_at = at;
			*ret_length = next - at;
			return true;
		}
		/* behind the section's last line that says something */
		if (inside && skip_blanks(line, 0) < n) {
			found = true;
			*ret_at = next;
			*ret_length = 0;
		}
		at = next;
	}
	return found;
}

int conf_edit_set(struct buf *text, const char *section, const char *key, const char *value)
{
	struct buf out = BUF(text->max);
	const char *old = buf_string(text);
	size_t at = text->length, length = 0;
	bool found;
	int r;

	if (!is_one_line(value))
		return -EINVAL;
	found = find_place(old, section, key, &at, &length);
	r = buf_add(&out, old, at);
	if (r == 0 && at > 0 && old[at - 1] != '\n')
		r = buf_add_char(&out, '\n');
	if (r == 0 && !found)
		r = buf_printf(&out, "%s[%s]\n", out.length > 0 ? "\n" : "", section);
	if (r == 0)
		r = buf_printf(&out, "%s = %s\n", key, value);
	if (r == 0)
		r = buf_add_string(&out, old + at + length);
	if (r < 0) {
		buf_free(&out);
		return r;
	}
	buf_free(text);
	*text = out;
	return 0;
}

int conf_edit_comment(struct buf *text, const char *section, const char *key)
{
	struct buf out = BUF(text->max);
	const char *old = buf_string(text);
	size_t at = 0, length = 0;
	int r;

	if (!find_place(old, section, key, &at, &length) || length == 0)
		return 0;
	r = buf_add(&out, old, at);
	if (r == 0)
		r = buf_add_string(&out, "# ");
	if (r == 0)
		r = buf_add_string(&out, old + at);
	if (r < 0) {
		buf_free(&out);
		return r;
	}
	buf_free(text);
	*text = out;
	return 0;
}
