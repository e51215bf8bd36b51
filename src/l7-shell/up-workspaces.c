/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/up-workspaces.h"

#include "base/number.h"

#include <stdio.h>
#include <string.h>

/* Undoes \n and \\; -EINVAL for any other escape or a path that does not fit. */
static int unescape(const char *from, size_t length, char ret[static PATH_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++) {
		char c = from[i];

		if (c == '\\') {
			i++;
			if (i == length || (from[i] != 'n' && from[i] != '\\'))
				return -EINVAL;
			c = from[i] == 'n' ? '\n' : '\\';
		}
		if (n == PATH_MAX - 1)
			return -EINVAL;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return *ret == '/' ? 0 : -EINVAL;
}

static int parse_line(const char *line, size_t length, struct up_workspace *ret)
{
	char digits[16] = { 0 };
	size_t n = strcspn(line, " \n");
	uint64_t number;
	bool writable;

	if (n >= sizeof(digits) || length < n + 5)
		return -EINVAL;
	memcpy(digits, line, n);
	if (number_parse_u64(digits, 1, UINT32_MAX, &number) < 0)
		return -EINVAL;
	writable = strncmp(line + n, " rw ", 4) == 0;
	if (!writable && strncmp(line + n, " ro ", 4) != 0)
		return -EINVAL;
	(void)snprintf(ret->target, sizeof(ret->target), "workspaces/%u.%s", (unsigned)number,
		       writable ? "rw" : "ro"); /* fits */
	return unescape(line + n + 4, length - n - 4, ret->path);
}

int up_workspaces_parse(const char *text, struct up_workspace rows[static UP_WORKSPACES_MAX],
			unsigned *ret_n, struct error *err)
{
	unsigned line = 1, n = 0;

	for (const char *at = text; *at; line++) {
		size_t length = strcspn(at, "\n");

		if (n == UP_WORKSPACES_MAX) {
			memmove(rows, rows + 1, (UP_WORKSPACES_MAX - 1) * sizeof(rows[0]));
			n--;
		}
		if (parse_line(at, length, &rows[n]) < 0)
			return FAIL(err, -EINVAL, "workspaces:%u: expected \"number ro|rw /path\"",
				    line);
		n++;
		at += length + (at[length] == '\n');
	}
	*ret_n = n;
	return 0;
}
