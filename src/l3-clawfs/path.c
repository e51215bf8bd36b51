/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/path.h"

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

bool path_is_text(const char *bytes, size_t length)
{
	return !memchr(bytes, '\0', length) && utf8_is_valid(bytes, length);
}

static bool has_control(const char *path)
{
	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			return true;
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) /* C1 controls */
			return true;
	}
	return false;
}

static int check_whole(const char *path, struct error *err)
{
	size_t length = strnlen(path, PATH_BYTES + 1);

	if (length > PATH_BYTES)
		return FAIL(err, -EINVAL, "a path has at most %d bytes", PATH_BYTES);
	if (!path_is_text(path, length))
		return FAIL(err, -EINVAL, "a path is UTF-8 text");
	if (has_control(path))
		return FAIL(err, -EINVAL, "a path has no control characters");
	if (path[0] == '/')
		return FAIL(err, -EINVAL, "a path is relative: it does not begin with /");
	return 0;
}

/* Appends one name; "." and an empty one are passed over. */
static int add_name(const char *name, size_t length, char *out, size_t *used, unsigned *depth,
		    struct error *err)
{
	if (length == 0 || (length == 1 && name[0] == '.'))
		return 0;
	if (length == 2 && name[0] == '.' && name[1] == '.')
		return FAIL(err, -EINVAL, "a path has no \"..\"");
	if (length > PATH_NAME_BYTES)
		return FAIL(err, -EINVAL, "a name in a path has at most %d bytes", PATH_NAME_BYTES);
	if (++*depth > PATH_DEPTH)
		return FAIL(err, -EINVAL, "a path has at most %d names", PATH_DEPTH);
	if (*used > 0)
		out[(*used)++] = '/';
	memcpy(out + *used, name, length);
	*used += length;
	return 0;
}

int path_folder(const char *path, char ret[PATH_BYTES + 1], struct error *err)
{
	char out[PATH_BYTES + 1];
	size_t used = 0;
	unsigned depth = 0;
	int r = check_whole(path, err);

	for (const char *name = path; r >= 0;) {
		const char *end = strchrnul(name, '/');

		r = add_name(name, (size_t)(end - name), out, &used, &depth, err);
		if (*end == '\0')
			break;
		name = end + 1;
	}
	if (r < 0)
		return r;
	out[used] = '\0';
	memcpy(ret, out, used + 1);
	return 0;
}

int path_document(const char *path, char ret[PATH_BYTES + 1], struct error *err)
{
	char out[PATH_BYTES + 1];
	int r = path_folder(path, out, err);

	if (r < 0)
		return r;
	if (out[0] == '\0')
		return FAIL(err, -EINVAL, "a document has a name");
	memcpy(ret, out, strlen(out) + 1);
	return 0;
}

bool path_is_identity(const char *normalised)
{
	static const char *const names[] = { "AGENTS.md", "SOUL.md", "USER.md", "IDENTITY.md" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(normalised, names[i]) == 0)
			return true;
	return false;
}
