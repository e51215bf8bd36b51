/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Target   printed, printed-*, think-split: calls and thinking that a model printed as text.
 * Property text is given out byte for byte, all of it without calls and a front of it with calls;
 *          what was cut off never passes the check; whole and in pieces reads the same.
 * Input    first byte: size of the pieces.
 * Corpus   fuzz/corpus/printed/
 */
#include "base/buf.h"
#include "base/utf8.h"
#include "l6-agent/reply-text.h"
#include "l6-agent/tool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 22 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int keep(const char *text, size_t length, void *data)
{
	return buf_add(data, text, length);
}

static void see(const char *text, size_t length, void *data)
{
	if (!utf8_is_valid(text, length) || buf_add(data, text, length) < 0)
		abort();
}

/* JSON that yyjson refuses is refused by the tool's check as well; what can run has to be sane. */
static void check_call(const struct printed_call *call)
{
	struct buf out = BUF(TEXT_MAX);
	struct error err = { 0 };

	if (!call->tool || tool_find(call->tool->name) != call->tool)
		abort();
	if (tool_check(call->tool, call->arguments, strlen(call->arguments), &out, &err) >= 0 &&
	    !call->source)
		abort(); /* cut off, and yet it would run */
	buf_free(&out);
}

/* The printed part alone. */
static void check_printed(const char *text, size_t length)
{
	struct buf out = BUF(TEXT_MAX);
	struct printed_call *calls = NULL;
	struct printed printed;
	size_t n_calls = 0;

	printed_init(&printed, tool_table, tool_table_count, TEXT_MAX);
	printed.on_text = keep;
	printed.userdata = &out;
	if (printed_feed(&printed, text, length) < 0 ||
	    printed_finish(&printed, &calls, &n_calls) < 0)
		abort();
	for (size_t i = 0; i < n_calls; i++)
		check_call(&calls[i]);
	if (n_calls == 0 && printed_release(&printed) < 0)
		abort();
	if (n_calls == 0 ? out.length != length : out.length >= length)
		abort();
	if (out.length > 0 && memcmp(out.data, text, out.length) != 0)
		abort();
	printed_calls_free(calls, n_calls);
	printed_fini(&printed);
	buf_free(&out);
}

static void read_all(const char *text, size_t length, size_t step, struct buf *seen,
		     struct answer *answer)
{
	const struct answer_sink sink = { see, see, seen };
	const struct reply_options options = { .sink = &sink,
					       .tools = tool_table,
					       .n_tools = tool_table_count };
	struct reply_text reply;

	reply_text_init(&reply, &options);
	for (size_t at = 0; at < length;) {
		size_t n = utf8_cut(text + at, length - at, step < 4 ? 4 : step);

		if (reply_text_feed(&reply, text + at, n) < 0)
			abort();
		at += n;
	}
	if (reply_text_finish(&reply, 0, answer) < 0)
		abort();
	reply_text_fini(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF(TEXT_MAX), whole = BUF(TEXT_MAX), pieces = BUF(TEXT_MAX);
	struct answer one = { 0 }, many = { 0 };

	if (size < 2 || memchr(data, '\0', size) ||
	    utf8_add_repaired(&text, (const char *)data + 1, size - 1) < 0)
		return 0;
	check_printed(text.data, text.length);
	read_all(text.data, text.length, text.length, &whole, &one);
	read_all(text.data, text.length, data[0], &pieces, &many);
	if (one.n_calls != many.n_calls ||
	    strcmp(one.text ? one.text : "", many.text ? many.text : "") != 0 ||
	    strcmp(buf_string(&whole), buf_string(&pieces)) != 0)
		abort();
	for (size_t i = 0; i < one.n_calls; i++)
		if (strcmp(one.calls[i].name, many.calls[i].name) != 0 ||
		    strcmp(one.calls[i].arguments, many.calls[i].arguments) != 0)
			abort();
	answer_free(&one);
	answer_free(&many);
	buf_free(&text);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
