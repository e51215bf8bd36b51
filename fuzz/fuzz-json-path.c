/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   json_path_find() and json_indent(): the first line is a path, the rest a document.
 * Property a path without a wildcard gives at most one value; a laid out document is the same
 *          document.
 * Corpus   fuzz/corpus/json-path/
 */
#include "l6-agent/json-indent.h"
#include "l6-agent/json-path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_value(yyjson_val *value, void *data)
{
	size_t *count = data;

	(void)value;
	++*count;
	return 0;
}

static void check_layout(yyjson_doc *doc)
{
	struct buf laid_out = BUF(16 * 1024 * 1024);
	size_t length = 0;
	char *text = yyjson_write(doc, 0, &length), *again;
	yyjson_doc *other;

	if (!text || json_indent(text, length, &laid_out) < 0)
		abort();
	other = yyjson_read(buf_string(&laid_out), laid_out.length, YYJSON_READ_NUMBER_AS_RAW);
	again = yyjson_write(other, 0, NULL);
	if (!again || strcmp(again, text) != 0)
		abort();
	free(again);
	free(text);
	yyjson_doc_free(other);
	buf_free(&laid_out);
}

static void check(const char *path, const char *document, size_t length)
{
	yyjson_doc *doc = yyjson_read(document, length, YYJSON_READ_NUMBER_AS_RAW);
	size_t count = 0;
	bool many = false;

	if (!doc)
		return;
	if (json_path_find(yyjson_doc_get_root(doc), path, on_value, &count, &many, NULL) == 0 &&
	    !many && count != 1)
		abort();
	check_layout(doc);
	yyjson_doc_free(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = memchr(data, '\n', size);
	char *path;

	if (!newline)
		return 0;
	path = strndup((const char *)data, (size_t)(newline - data));
	if (!path)
		abort();
	check(path, (const char *)newline + 1, size - (size_t)(newline - data) - 1);
	free(path);
	return 0;
}
