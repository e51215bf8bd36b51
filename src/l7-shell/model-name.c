/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/model-name.h"

#include "base/cleanup.h"
#include "base/dir.h"

#include <endian.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_BYTES = 8192, HEADER_BYTES = 24, PAIRS_MAX = 64, NAME_BYTES_MAX = 128 };
enum { TYPE_STRING = 8, TYPE_ARRAY = 9, TYPES = 13 };

/* Bytes of the types of fixed size. */
static const uint8_t sizes[TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

struct reader {
	const char *at;
	size_t left;
};

struct text {
	const char *at;
	size_t length;
};

static bool take(struct reader *reader, size_t length, const char **ret)
{
	if (length > reader->left)
		return false;
	*ret = reader->at;
	reader->at += length;
	reader->left -= length;
	return true;
}

static bool take_string(struct reader *reader, struct text *ret)
{
	const char *at;
	uint64_t length;

	if (!take(reader, sizeof(length), &at))
		return false;
	memcpy(&length, at, sizeof(length));
	length = le64toh(length);
	if (length > reader->left || !take(reader, (size_t)length, &ret->at))
		return false;
	ret->length = (size_t)length;
	return true;
}

/* One key and its value; false at an array (the tokens come last) and at the end of what is there.
 */
static bool take_pair(struct reader *reader, struct text *ret_key, struct text *ret_value)
{
	const char *at;
	uint32_t type;

	if (!take_string(reader, ret_key) || !take(reader, sizeof(type), &at))
		return false;
	memcpy(&type, at, sizeof(type));
	type = le32toh(type);
	*ret_value = (struct text){ 0 };
	if (type == TYPE_STRING)
		return take_string(reader, ret_value);
	return type < TYPES && type != TYPE_ARRAY && take(reader, sizes[type], &at);
}

static bool is(const struct text *key, const char *name)
{
	return key->length == strlen(name) && memcmp(key->at, name, key->length) == 0;
}

static bool fits(const struct text *text)
{
	return text->length > 0 && text->length <= NAME_BYTES_MAX;
}

int model_name_of_head(const char *head, size_t length, struct buf *out)
{
	struct reader reader = { head, length };
	struct text key, value, name = { 0 }, base = { 0 }, size = { 0 };
	const char *at;
	int r;

	if (!take(&reader, HEADER_BYTES, &at) || memcmp(at, "GGUF", 4) != 0)
		return 0;
	for (unsigned i = 0; i < PAIRS_MAX && take_pair(&reader, &key, &value); i++) {
		if (is(&key, "general.name"))
			name = value;
		else if (is(&key, "general.basename"))
			base = value;
		else if (is(&key, "general.size_label"))
			size = value;
	}
	if (fits(&base) && fits(&size))
		r = buf_printf(out, "%.*s %.*s", (int)base.length, base.at, (int)size.length,
			       size.at);
	else if (fits(&name))
		r = buf_add(out, name.at, name.length);
	else
		return 0;
	return r < 0 ? r : 1;
}

int model_name(const char *path, struct buf *out)
{
	auto_fd int fd = dir_open_configured(path, O_RDONLY, 0);
	const char *slash = strrchr(path, '/');
	char head[HEAD_BYTES];
	ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof(head), 0);
	int r = n > 0 ? model_name_of_head(head, (size_t)n, out) : 0;

	if (r != 0)
		return r < 0 ? r : 0;
	return buf_add_string(out, slash ? slash + 1 : path);
}
