/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   model_format_anthropic's reader: events, blocks, thinking that is carried, errors.
 * Property text is UTF-8 in whole characters; an answer has ids that differ, names and arguments;
 *          a failure has a sentence; and the same bytes read the same in one piece and in many.
 * Input    first byte: its high bit makes it an error status, the rest is the size of the pieces.
 * Corpus   fuzz/corpus/anthropic-answer/
 */
#include "base/buf.h"
#include "base/utf8.h"
#include "l6-agent/model.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum { TEXT_MAX = 1 << 22, CONVERSATION_MAX = 1 << 16, STATUS_OK = 200, STATUS_BAD = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void see(const char *text, size_t length, void *data)
{
	if (!utf8_is_valid(text, length) || buf_add(data, text, length) < 0)
		abort();
}

static int read_all(int status, const char *bytes, size_t length, size_t step, struct buf *seen,
		    struct answer *ret)
{
	static const struct conversation_options options = { .model = "m",
							     .max_bytes = CONVERSATION_MAX };
	const struct answer_sink sink = { see, see, seen };
	struct conversation *conversation = NULL;
	struct answer_reader *reader = NULL;
	struct error err = { 0 };
	int r = model_format_anthropic.open(&options, &conversation, &err);

	if (r < 0 || model_format_anthropic.reader_open(conversation, 0, status, NULL, &sink,
							&reader, &err) < 0)
		abort();
	for (size_t at = 0; at < length && r >= 0; at += step)
		r = model_format_anthropic.feed(reader, bytes + at,
						length - at < step ? length - at : step, &err);
	if (r >= 0)
		r = model_format_anthropic.finish(reader, ret, &err);
	if (r < 0 && (err.text[0] == '\0' || !utf8_is_valid(err.text, strlen(err.text))))
		abort();
	model_format_anthropic.reader_close(reader);
	model_format_anthropic.close(conversation);
	return r;
}

/* What goes back is a list of blocks in any case. */
static int is_carried(const char *carried)
{
	static const char front[] = "anthropic ";
	const char *list = carried + sizeof(front) - 1;
	yyjson_doc *doc = strncmp(carried, front, sizeof(front) - 1) == 0
				  ? yyjson_read(list, strlen(list), 0)
				  : NULL;
	int is_list = yyjson_arr_size(yyjson_doc_get_root(doc)) > 0;

	yyjson_doc_free(doc);
	return is_list;
}

static void check(const struct answer *answer)
{
	if (answer->text && !utf8_is_valid(answer->text, strlen(answer->text)))
		abort();
	if (answer->carried && !is_carried(answer->carried))
		abort();
	for (size_t i = 0; i < answer->n_calls; i++) {
		const struct tool_call *call = &answer->calls[i];

		if (!call->id || !call->id[0] || !call->name || !call->arguments)
			abort();
		for (size_t k = 0; k < i; k++)
			if (strcmp(call->id, answer->calls[k].id) == 0)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = BUF(TEXT_MAX), pieces = BUF(TEXT_MAX);
	struct answer one = { 0 }, many = { 0 };
	const char *bytes = (const char *)data + 1;
	int status, r;
	size_t step;

	if (size == 0)
		return 0;
	status = data[0] & 0x80 ? STATUS_BAD : STATUS_OK;
	step = (data[0] & 0x7F) + 1;
	r = read_all(status, bytes, size - 1, size, &whole, &one);
	if (read_all(status, bytes, size - 1, step, &pieces, &many) != r ||
	    one.n_calls != many.n_calls || strcmp(buf_string(&whole), buf_string(&pieces)) != 0)
		abort();
	check(&one);
	answer_free(&one);
	answer_free(&many);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
