/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "answer-property.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 22, CONVERSATION_MAX = 1 << 16, STATUS_OK = 200, STATUS_BAD = 400 };

static void see(const char *text, size_t length, void *data)
{
	if (!utf8_is_valid(text, length) || buf_add(data, text, length) < 0)
		abort();
}

static int read_all(const struct model_format *format, const uint8_t *data, size_t size,
		    size_t step, struct buf *seen, struct answer *ret)
{
	static const struct conversation_options options = { .model = "m",
							     .max_bytes = CONVERSATION_MAX };
	const struct answer_sink sink = { see, see, seen };
	const char *bytes = (const char *)data + 1;
	int status = data[0] & 0x80 ? STATUS_BAD : STATUS_OK;
	size_t length = size - 1;
	struct conversation *conversation = NULL;
	struct answer_reader *reader = NULL;
	struct error err = { 0 };
	int r = format->open(&options, &conversation, &err);

	if (r < 0 || format->reader_open(conversation, 0, status, NULL, &sink, &reader, &err) < 0)
		abort();
	for (size_t at = 0; at < length && r >= 0; at += step)
		r = format->feed(reader, bytes + at, length - at < step ? length - at : step, &err);
	if (r >= 0)
		r = format->finish(reader, ret, &err);
	if (r < 0 && (err.text[0] == '\0' || !utf8_is_valid(err.text, strlen(err.text))))
		abort();
	format->reader_close(reader);
	format->close(conversation);
	return r;
}

static void check(const struct answer *answer, bool (*is_carried)(const char *carried))
{
	if (answer->text && !utf8_is_valid(answer->text, strlen(answer->text)))
		abort();
	if (is_carried && answer->carried && !is_carried(answer->carried))
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

void answer_property(const struct model_format *format, const uint8_t *data, size_t size,
		     bool (*is_carried)(const char *carried))
{
	struct buf whole = BUF(TEXT_MAX), pieces = BUF(TEXT_MAX);
	struct answer one = { 0 }, many = { 0 };
	size_t step;
	int r;

	if (size == 0)
		return;
	step = (data[0] & 0x7F) + 1;
	r = read_all(format, data, size, size, &whole, &one);
	if (read_all(format, data, size, step, &pieces, &many) != r ||
	    one.n_calls != many.n_calls || strcmp(buf_string(&whole), buf_string(&pieces)) != 0)
		abort();
	check(&one, is_carried);
	answer_free(&one);
	answer_free(&many);
	buf_free(&whole);
	buf_free(&pieces);
}
