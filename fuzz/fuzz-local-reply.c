/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   model_format_local's reader: the one JSON object of a local model.
 * Property text is UTF-8 in whole characters and what the sink saw is the answer's text; a call has
 * a name and arguments that begin and end as an object; a failure has a sentence; the same bytes
 *          read the same in one piece and in many.
 * Input    first byte: the size of the pieces.
 * Corpus   fuzz/corpus/local-reply/
 */
#include "base/buf.h"
#include "base/utf8.h"
#include "l6-agent/model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(const char *text, size_t length, void *data)
{
	if (!utf8_is_valid(text, length) || buf_add(data, text, length) < 0)
		abort();
}

static int read_all(const char *bytes, size_t length, size_t step, struct buf *seen,
		    struct answer *ret)
{
	const struct answer_sink sink = { see, see, seen };
	struct answer_reader *reader = NULL;
	struct error err = { 0 };
	int r = model_format_local.reader_open(NULL, 0, 200, NULL, &sink, &reader, &err);

	for (size_t at = 0; at < length && r >= 0; at += step)
		r = model_format_local.feed(reader, bytes + at,
					    length - at < step ? length - at : step, &err);
	if (r >= 0)
		r = model_format_local.finish(reader, ret, &err);
	if (r < 0 && err.text[0] == '\0')
		abort();
	model_format_local.reader_close(reader);
	return r;
}

static void check(const struct answer *answer, const struct buf *seen)
{
	if (answer->n_calls > 1 || (answer->n_calls == 1) == (answer->text != NULL))
		abort();
	if (answer->text && strcmp(answer->text, buf_string(seen)) != 0)
		abort();
	if (answer->n_calls == 1) {
		const char *arguments = answer->calls[0].arguments;

		if (!answer->calls[0].name[0] || arguments[0] != '{' ||
		    arguments[strlen(arguments) - 1] != '}')
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF(TEXT_MAX), pieces = BUF(TEXT_MAX);
	struct answer one = { 0 }, many = { 0 };
	size_t step = size > 0 ? data[0] % 16 + 1 : 1;
	const char *bytes = (const char *)data + (size > 0);
	size_t length = size > 0 ? size - 1 : 0;
	int r = read_all(bytes, length, length + 1, &whole, &one);

	if (read_all(bytes, length, step, &pieces, &many) != r)
		abort();
	if (r >= 0) {
		check(&one, &whole);
		check(&many, &pieces);
		if (one.n_calls != many.n_calls || one.stop != many.stop)
			abort();
	}
	answer_free(&one);
	answer_free(&many);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
