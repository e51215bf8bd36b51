/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/arguments-mend.h"

#include "l6-agent/printed-internal.h"

#include <string.h>
#include <yyjson.h>

static bool is_json(const char *text, size_t length)
{
	yyjson_doc *doc = yyjson_read(text, length, 0);

	yyjson_doc_free(doc);
	return doc != NULL;
}

/* The length of the JSON value at the front; 0 when there is none. */
static size_t front_length(const char *text)
{
	yyjson_doc *doc = yyjson_read(text, strlen(text), YYJSON_READ_STOP_WHEN_DONE);
	size_t length = doc ? yyjson_doc_get_read_size(doc) : 0;

	yyjson_doc_free(doc);
	return length;
}

static int replace(char **arguments, const char *text, size_t length)
{
	char *copy = strndup(text, length);

	if (!copy)
		return -ENOMEM;
	free(*arguments);
	*arguments = copy;
	return 0;
}

/* As printed values are read. */
static int read_tolerantly(char **arguments)
{
	struct look look = { *arguments, *arguments + strlen(*arguments) };
	auto_buf struct buf out = BUF(PRINTED_JSON_BYTES_MAX);
	char word[PRINTED_WORD_BYTES];
	bool is_fenced;
	int r;

	look_skip_blanks(&look);
	is_fenced = look_skip(&look, "```");
	if (is_fenced && !look_word(&look, word, sizeof(word)))
		return 0;
	look_skip_blanks(&look);
	if (look.at == look.end || *look.at != '{')
		return 0;
	r = value_read(&look, &out, 0);
	look_skip_blanks(&look);
	if (is_fenced)
		(void)look_skip(&look, "```");
	look_skip_blanks(&look);
	if (r != READ_OK || look.at < look.end)
		return r < 0 ? r : 0;
	return replace(arguments, buf_string(&out), out.length);
}

int arguments_mend(char **arguments)
{
	size_t length = strlen(*arguments), front;
	const char *rest;

	if (length == 0 || is_json(*arguments, length))
		return 0;
	front = front_length(*arguments);
	rest = *arguments + front;
	if (front == 2 && memcmp(*arguments, "{}", 2) == 0 && is_json(rest, length - front))
		return replace(arguments, rest, length - front);
	if (front > 0 && length == 2 * front && memcmp(*arguments, rest, front) == 0)
		return replace(arguments, rest, front);
	return front > 0 ? 0 : read_tolerantly(arguments);
}
