/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/json-read.h"

#include "base/cleanup.h"
#include "base/number.h"
#include "base/utf8.h"

#include <assert.h>

enum { INTEGER_BYTES_MAX = 20, STRINGS_BYTES_MAX = 64 * 1024 * 1024 };

struct reader {
	const char *at, *end;
	struct json_tree *tree;
	uint32_t open[JSON_DEPTH_MAX]; /* the lists and objects we are in */
	unsigned depth;
};

static void skip_space(struct reader *reader)
{
	while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4))
		reader->at++;
}

static bool take(struct reader *reader, char c)
{
	if (reader->at == reader->end || *reader->at != c)
		return false;
	reader->at++;
	return true;
}

static int add_value(struct reader *reader, struct json_value value)
{
	struct json_tree *tree = reader->tree;

	if (tree->count == JSON_VALUES_MAX)
		return -E2BIG;
	value.end = tree->count + 1;
	tree->values[tree->count++] = value;
	return 0;
}

/* ---- strings ---- */

static bool take_hex(struct reader *reader, unsigned *ret)
{
	unsigned code = 0;

	if (reader->end - reader->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int digit = number_hex_digit(*reader->at);

		if (digit < 0)
			return false;
		code = code * 16 + (unsigned)digit;
		reader->at++;
	}
	*ret = code;
	return true;
}

/* \u00e4, or the two halves of a character beyond U+FFFF; at is behind the u. */
static int take_code(struct reader *reader)
{
	unsigned code, low;

	if (!take_hex(reader, &code) || code == 0 || (code >= 0xDC00 && code < 0xE000))
		return -EINVAL;
	if (code >= 0xD800 && code < 0xDC00) {
		if (!take(reader, '\\') || !take(reader, 'u') || !take_hex(reader, &low) ||
		    low < 0xDC00 || low >= 0xE000)
			return -EINVAL;
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
	}
	return utf8_add_code(&reader->tree->strings, code);
}

/* at is behind the backslash. */
static int take_escape(struct reader *reader)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *known;

	if (take(reader, 'u'))
		return take_code(reader);
	if (reader->at == reader->end || *reader->at == '\0')
		return -EINVAL;
	known = strchr(from, *reader->at);
	if (!known)
		return -EINVAL;
	reader->at++;
	return buf_add_char(&reader->tree->strings, to[known - from]);
}

/* at is behind the first quote. */
static int read_string(struct reader *reader)
{
	struct json_value value = { .type = JSON_STRING, .string = reader->tree->strings.length };
	int r = 0;

	while (r == 0 && !take(reader, '"')) {
		const char *start = reader->at;

		while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\' &&
		       (unsigned char)*reader->at >= ' ')
			reader->at++;
		if (reader->at > start)
			r = buf_add(&reader->tree->strings, start, (size_t)(reader->at - start));
		else if (take(reader, '\\'))
			r = take_escape(reader);
		else
			return -EINVAL; /* a control character, or the end */
	}
	if (r == 0)
		r = buf_add_char(&reader->tree->strings, '\0');
	return r < 0 ? r : add_value(reader, value);
}

/* ---- numbers and words ---- */

static size_t take_digits(struct reader *reader)
{
	const char *start = reader->at;

	while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
		reader->at++;
	return (size_t)(reader->at - start);
}

static int read_number(struct reader *reader)
{
	struct json_value value = { .type = JSON_INTEGER };
	const char *start = reader->at;
	char text[INTEGER_BYTES_MAX + 1];
	size_t n;

	(void)take(reader, '-');
	if (!take(reader, '0') && take_digits(reader) == 0)
		return -EINVAL;
	n = (size_t)(reader->at - start);
	if (take(reader, '.')) {
		value.type = JSON_FRACTION;
		if (take_digits(reader) == 0)
			return -EINVAL;
	}
	if (take(reader, 'e') || take(reader, 'E')) {
		value.type = JSON_FRACTION;
		if (!take(reader, '+'))
			(void)take(reader, '-');
		if (take_digits(reader) == 0)
			return -EINVAL;
	}
	if (value.type == JSON_INTEGER && n < sizeof(text)) {
		memcpy(text, start, n);
		text[n] = '\0';
		if (strcmp(text, "-0") != 0 &&
		    number_parse_i64(text, INT64_MIN, INT64_MAX, &value.integer) < 0)
			value.type = JSON_FRACTION;
	} else {
		value.type = JSON_FRACTION;
	}
	return add_value(reader, value);
}

static int read_word(struct reader *reader)
{
	static const struct {
		const char *word;
		struct json_value value;
	} words[] = {
		{ "true", { .type = JSON_BOOLEAN, .integer = 1 } },
		{ "false", { .type = JSON_BOOLEAN } },
		{ "null", { .type = JSON_NULL } },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = strlen(words[i].word);

		if ((size_t)(reader->end - reader->at) >= n &&
		    memcmp(reader->at, words[i].word, n) == 0) {
			reader->at += n;
			return add_value(reader, words[i].value);
		}
	}
	return -EINVAL;
}

/* ---- structure ---- */

static struct json_value *current(struct reader *reader)
{
	return &reader->tree->values[reader->open[reader->depth - 1]];
}

static int open_container(struct reader *reader, enum json_type type)
{
	if (reader->depth == JSON_DEPTH_MAX)
		return -E2BIG;
	reader->open[reader->depth++] = reader->tree->count;
	return add_value(reader, (struct json_value){ .type = type });
}

static void close_container(struct reader *reader)
{
	current(reader)->end = reader->tree->count;
	reader->depth--;
}

static int read_name(struct reader *reader)
{
	int r;

	skip_space(reader);
	if (!take(reader, '"'))
		return -EINVAL;
	r = read_string(reader);
	skip_space(reader);
	return r < 0 ? r : take(reader, ':') ? 0 : -EINVAL;
}

/* A value, or the start of one: then *ret_opened. */
static int read_value(struct reader *reader, bool *ret_opened)
{
	*ret_opened = false;
	skip_space(reader);
	if (take(reader, '"'))
		return read_string(reader);
	if (take(reader, '{') || take(reader, '[')) {
		*ret_opened = true;
		return open_container(reader, reader->at[-1] == '{' ? JSON_OBJECT : JSON_LIST);
	}
	if (reader->at < reader->end && (*reader->at == '-' || isdigit((unsigned char)*reader->at)))
		return read_number(reader);
	return read_word(reader);
}

/* Behind a value: closes what ends here. *ret_more: another element or member follows. */
static int read_ends(struct reader *reader, bool *ret_more)
{
	*ret_more = false;
	while (reader->depth > 0) {
		bool is_object = current(reader)->type == JSON_OBJECT;

		skip_space(reader);
		if (take(reader, ',')) {
			*ret_more = true;
			return is_object ? read_name(reader) : 0;
		}
		if (!take(reader, is_object ? '}' : ']'))
			return -EINVAL;
		close_container(reader);
	}
	return 0;
}

static int read_all(struct reader *reader)
{
	bool more = true;

	while (more) {
		bool opened;
		int r = read_value(reader, &opened);

		if (r < 0)
			return r;
		if (opened) {
			bool is_object = current(reader)->type == JSON_OBJECT;

			skip_space(reader);
			if (!take(reader, is_object ? '}' : ']')) {
				r = is_object ? read_name(reader) : 0;
				if (r < 0)
					return r;
				continue;
			}
			close_container(reader);
		}
		r = read_ends(reader, &more);
		if (r < 0)
			return r;
	}
	skip_space(reader);
	return reader->at == reader->end ? 0 : -EINVAL;
}

int json_read(const char *text, size_t length, struct json_tree *ret)
{
	CLEANUP(json_tree_fini) struct json_tree tree = { .strings = BUF(STRINGS_BYTES_MAX) };
	struct reader reader = { .at = text, .end = text + length, .tree = &tree };
	int r;

	assert(text && ret);
	if (!utf8_is_valid(text, length) || memchr(text, '\0', length))
		return -EINVAL;
	tree.values = calloc(JSON_VALUES_MAX, sizeof(*tree.values));
	if (!tree.values)
		return -ENOMEM;
	r = read_all(&reader);
	if (r < 0)
		return r;
	*ret = tree;
	tree = (struct json_tree){ 0 };
	return 0;
}

void json_tree_fini(struct json_tree *tree)
{
	free(tree->values);
	buf_free(&tree->strings);
	*tree = (struct json_tree){ 0 };
}

const struct json_value *json_member(const struct json_tree *tree, const struct json_value *object,
				     const char *name)
{
	uint32_t at = (uint32_t)(object - tree->values) + 1;

	if (object->type != JSON_OBJECT)
		return NULL;
	while (at < object->end) {
		if (strcmp(json_string(tree, &tree->values[at]), name) == 0)
			return &tree->values[at + 1];
		at = tree->values[at + 1].end;
	}
	return NULL;
}

const char *json_string(const struct json_tree *tree, const struct json_value *value)
{
	assert(value->type == JSON_STRING);
	return tree->strings.data + value->string;
}
