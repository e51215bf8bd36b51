/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/buf.h"
#include "l6-agent/model.h"

#include "harness/cases.h"
#include "harness/tap.h"

#include <string.h>

enum { FIELDS = 4, CASES_MIN = 30, TEXT_BYTES_MAX = 4096 };

static const struct model_format *const format = &model_format_local;

static void collect(const char *text, size_t length, void *data)
{
	struct buf *seen = data;

	EXPECT_INT(buf_add(seen, text, length), ==, 0);
}

/* Feeds the reply in pieces of the given size; *ret_r is what feeding or finishing said. */
static struct answer read_reply(const char *reply, size_t length, size_t piece, struct buf *seen,
				int *ret_r)
{
	const struct answer_sink sink = { .on_text = collect, .data = seen };
	struct answer_reader *reader = NULL;
	struct answer answer = { 0 };
	struct error err = { 0 };
	int r;

	EXPECT_OK(format->reader_open(NULL, 0, 200, NULL, &sink, &reader, &err), &err);
	r = 0;
	for (size_t at = 0; at < length && r >= 0; at += piece)
		r = format->feed(reader, reply + at, piece < length - at ? piece : length - at,
				 &err);
	if (r >= 0)
		r = format->finish(reader, &answer, &err);
	EXPECT_INT(r < 0, ==, err.code != 0);
	format->reader_close(reader);
	*ret_r = r;
	return answer;
}

static void check(const struct test_case *c, size_t length, size_t piece)
{
	const char *kind = c->fields[1];
	struct buf seen = BUF(TEXT_BYTES_MAX);
	int r;
	struct answer answer = read_reply(c->fields[0], length, piece, &seen, &r);
	bool is_text = strcmp(kind, "text") == 0 || strcmp(kind, "cut") == 0;

	if (strcmp(kind, "bad") == 0) {
		if (r != -EPROTO)
			tap_fail(c->file, c->line, "%d, wanted -EPROTO", r);
		EXPECT_INT(answer.n_calls, ==, 0);
	} else if (r < 0) {
		tap_fail(c->file, c->line, "refused: %d", r);
	} else if (is_text) {
		if (strcmp(answer.text, c->fields[3]) != 0)
			tap_fail(c->file, c->line, "text \"%s\"", answer.text);
		EXPECT_STR(buf_string(&seen), c->fields[3]);
		EXPECT_INT(answer.stop, ==,
			   strcmp(kind, "cut") == 0 ? ANSWER_STOP_LENGTH : ANSWER_STOP_END);
	} else {
		EXPECT_INT(answer.n_calls, ==, 1);
		EXPECT_STR(answer.calls[0].name, c->fields[2]);
		EXPECT_STR(answer.calls[0].arguments, c->fields[3]);
		EXPECT_STR(answer.calls[0].id, "call_1");
		EXPECT_INT(answer.stop, ==, ANSWER_STOP_CALLS);
		EXPECT_INT(seen.length, ==, 0);
	}
	answer_free(&answer);
	buf_free(&seen);
}

static void run_case(const struct test_case *c)
{
	size_t length = cases_unescape(c->fields[0]);

	(void)cases_unescape(c->fields[3]); /* holds no NUL */
	check(c, length, length > 0 ? length : 1);
	check(c, length, 1);
	check(c, length, 3);
}

TEST(every_reply_is_read_the_same_whole_and_in_pieces)
{
	cases_run("local-replies", FIELDS, CASES_MIN, run_case);
}

TEST(text_goes_to_the_sink_before_the_reply_ends)
{
	static const char begun[] = "{\"tool\": \"answer\", \"arguments\": {\"text\": \"It is";
	struct buf seen = BUF(TEXT_BYTES_MAX);
	const struct answer_sink sink = { .on_text = collect, .data = &seen };
	struct answer_reader *reader = NULL;
	struct error err = { 0 };

	EXPECT_OK(format->reader_open(NULL, 0, 200, NULL, &sink, &reader, &err), &err);
	EXPECT_OK(format->feed(reader, begun, strlen(begun), &err), &err);
	EXPECT_STR(buf_string(&seen), "It is");
	format->reader_close(reader);
	buf_free(&seen);
}

TEST(nesting_without_end_is_refused)
{
	struct buf reply = BUF(TEXT_BYTES_MAX), seen = BUF(TEXT_BYTES_MAX);
	int r;

	EXPECT_INT(buf_add_string(&reply, "{\"tool\": \"x\", \"arguments\": {\"a\": "), ==, 0);
	for (int i = 0; i < 1000; i++)
		EXPECT_INT(buf_add_char(&reply, '['), ==, 0);
	(void)read_reply(reply.data, reply.length, 64, &seen, &r);
	EXPECT_INT(r, ==, -EPROTO);
	buf_free(&reply);
	buf_free(&seen);
}
