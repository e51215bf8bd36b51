/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Runs tests/data/printed-calls.jsonl: what a model says, in the pieces it came in, against what it
 * is taken for. One JSON object a line, lines that start with # are comments:
 *
 *   name      what the case says
 *   chunks    the pieces; the case also runs whole and character by character
 *   read      optional: what the model has read before, as one message
 *   made      optional: calls that came as calls, [[name, arguments text] …]
 *   stop      optional: "length"
 *   text      the answer
 *   thinking  optional: what was told apart as thinking
 *   flowed    optional: what was shown before the message ended, fed as in chunks
 *   calls     optional: [[name, arguments]]; an object is compared as JSON, a string byte by byte
 *   checked   optional: the arguments of the first call after the tool's check
 *   refused   optional: part of the sentence with which the check refuses the first call
 *   source    optional: where such a thing was reported
 */
#include "base/json-text.h"
#include "l6-agent/reply-text.h"
#include "l6-agent/tool.h"

#include "harness/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <yyjson.h>

enum { LINE_BYTES_MAX = 1 << 16, SEEN_BYTES_MAX = 1 << 16, CASES_MIN = 80 };

struct seen {
	struct buf text, thinking;
};

static void see(struct buf *buf, const char *text, size_t length)
{
	if (buf_add(buf, text, length) < 0)
		abort();
}

static void see_text(const char *text, size_t length, void *data)
{
	see(&((struct seen *)data)->text, text, length);
}

static void see_thinking(const char *text, size_t length, void *data)
{
	see(&((struct seen *)data)->thinking, text, length);
}

static const char *string(yyjson_val *object, const char *key)
{
	const char *text = yyjson_get_str(yyjson_obj_get(object, key));

	return text ? text : "";
}

static unsigned n_failed;

/* All failing cases are named, not only the first. */
static void fail(yyjson_val *one, const char *what, const char *got, const char *wanted)
{
	struct buf out = BUF(SEEN_BYTES_MAX);

	if (json_text_string(&out, got) < 0 || buf_add_string(&out, ", wanted ") < 0 ||
	    json_text_string(&out, wanted) < 0)
		abort();
	printf("# %s: %s: %s\n", string(one, "name"), what, buf_string(&out));
	buf_free(&out);
	n_failed++;
}

static void expect_text(yyjson_val *one, const char *what, const char *got, const char *wanted)
{
	if (strcmp(got, wanted) != 0)
		fail(one, what, got, wanted);
}

/* A file in memory that holds one message, as a conversation writes it. */
static struct quoted_in open_read(yyjson_val *one)
{
	struct buf out = BUF(SEEN_BYTES_MAX);
	struct quoted_in in = { .fd = memfd_create("read", MFD_CLOEXEC) };

	if (json_text_string(&out, string(one, "read")) < 0 ||
	    write(in.fd, out.data, out.length) != (ssize_t)out.length)
		abort();
	in.to = out.length;
	buf_free(&out);
	return in;
}

static size_t character(const char *at)
{
	size_t n = 1;

	while (((unsigned char)at[n] & 0xC0) == 0x80)
		n++;
	return n;
}

enum way { AS_GIVEN, WHOLE, BY_CHARACTER };

static void feed(struct reply_text *reply, yyjson_val *one, enum way way)
{
	yyjson_val *chunks = yyjson_obj_get(one, "chunks"), *chunk;
	struct buf whole = BUF(LINE_BYTES_MAX);
	size_t i, n;

	yyjson_arr_foreach(chunks, i, n, chunk)
	{
		const char *text = yyjson_get_str(chunk);

		if (way == AS_GIVEN)
			EXPECT_INT(reply_text_feed(reply, text, strlen(text)), ==, 0);
		see(&whole, text, strlen(text));
	}
	if (way == WHOLE)
		EXPECT_INT(reply_text_feed(reply, buf_string(&whole), whole.length), ==, 0);
	for (size_t at = 0; way == BY_CHARACTER && at < whole.length;) {
		size_t step = character(whole.data + at);

		EXPECT_INT(reply_text_feed(reply, whole.data + at, step), ==, 0);
		at += step;
	}
	buf_free(&whole);
}

static void add_made(yyjson_val *one, struct answer *answer)
{
	yyjson_val *made = yyjson_obj_get(one, "made"), *call;
	size_t i, n;

	answer->calls = calloc(yyjson_arr_size(made) + 1, sizeof(*answer->calls));
	yyjson_arr_foreach(made, i, n, call)
	{
		answer->calls[i].name = strdup(yyjson_get_str(yyjson_arr_get(call, 0)));
		answer->calls[i].arguments = strdup(yyjson_get_str(yyjson_arr_get(call, 1)));
		answer->n_calls = i + 1;
	}
	if (answer->n_calls == 0) {
		free(answer->calls);
		answer->calls = NULL;
	}
}

static void expect_arguments(yyjson_val *one, const char *got, yyjson_val *wanted)
{
	yyjson_doc *doc;

	if (yyjson_is_str(wanted)) {
		expect_text(one, "the arguments", got, yyjson_get_str(wanted));
		return;
	}
	doc = yyjson_read(got, strlen(got), 0);
	if (!doc || !yyjson_equals(yyjson_doc_get_root(doc), wanted))
		fail(one, "the arguments", got, "others");
	yyjson_doc_free(doc);
}

static void expect_calls(yyjson_val *one, const struct answer *answer)
{
	yyjson_val *wanted = yyjson_obj_get(one, "calls");

	if (yyjson_arr_size(wanted) != answer->n_calls) {
		fail(one, "calls", answer->n_calls > 0 ? answer->calls[0].name : "none",
		     "another number");
		return;
	}
	for (size_t i = 0; i < answer->n_calls; i++) {
		yyjson_val *call = yyjson_arr_get(wanted, i);

		expect_text(one, "the name", answer->calls[i].name,
			    yyjson_get_str(yyjson_arr_get(call, 0)));
		expect_arguments(one, answer->calls[i].arguments, yyjson_arr_get(call, 1));
	}
}

/* What the loop makes of the first call. */
static void expect_check(yyjson_val *one, const struct answer *answer)
{
	yyjson_val *checked = yyjson_obj_get(one, "checked");
	const char *refused = string(one, "refused");
	struct buf out = BUF(SEEN_BYTES_MAX);
	struct error err = { 0 };
	const struct tool_call *call = answer->calls;
	int r;

	if ((!checked && !*refused) || answer->n_calls == 0)
		return;
	r = tool_check(tool_find(call->name), call->arguments, strlen(call->arguments), &out, &err);
	if (checked)
		EXPECT_OK(r, &err);
	if (checked)
		expect_arguments(one, buf_string(&out), checked);
	if (*refused && (r != -EINVAL || !strstr(err.text, refused)))
		fail(one, "refused with", err.text, refused);
	buf_free(&out);
}

static void run(yyjson_val *one, enum way way)
{
	struct seen seen = { BUF(SEEN_BYTES_MAX), BUF(SEEN_BYTES_MAX) };
	const struct answer_sink sink = { see_text, see_thinking, &seen };
	struct reply_options options = { .sink = &sink,
					 .tools = tool_table,
					 .n_tools = tool_table_count,
					 .conversation = open_read(one) };
	struct answer answer = { .stop = *string(one, "stop") ? ANSWER_STOP_LENGTH
							      : ANSWER_STOP_END };
	struct reply_text reply;

	reply_text_init(&reply, &options);
	add_made(one, &answer);
	feed(&reply, one, way);
	if (way == AS_GIVEN && yyjson_obj_get(one, "flowed"))
		expect_text(one, "what flowed", buf_string(&seen.text), string(one, "flowed"));
	EXPECT_INT(reply_text_finish(&reply, 0, &answer), ==, 0);
	expect_text(one, "the text", answer.text ? answer.text : "", string(one, "text"));
	expect_text(one, "the thinking", buf_string(&seen.thinking), string(one, "thinking"));
	expect_calls(one, &answer);
	if (answer.stop != (*string(one, "stop") ? ANSWER_STOP_LENGTH
			    : answer.n_calls > 0 ? ANSWER_STOP_CALLS
						 : ANSWER_STOP_END))
		fail(one, "the stop", "", "");
	expect_check(one, &answer);
	reply_text_fini(&reply);
	answer_free(&answer);
	buf_free(&seen.text);
	buf_free(&seen.thinking);
	close(options.conversation.fd);
}

TEST(what_models_print_is_taken_for_what_it_is)
{
	char path[4096], line[LINE_BYTES_MAX];
	unsigned n = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/printed-calls.jsonl", getenv("CLAW_DATA"));
	file = fopen(path, "re");
	if (!file)
		tap_fail(__FILE__, __LINE__, "%s is missing", path);
	while (fgets(line, sizeof(line), file)) {
		yyjson_doc *doc;

		if (*line == '#' || *line == '\n')
			continue;
		doc = yyjson_read(line, strlen(line), 0);
		if (!doc)
			tap_fail(__FILE__, __LINE__, "no JSON: %s", line);
		for (enum way way = AS_GIVEN; way <= BY_CHARACTER; way++)
			run(yyjson_doc_get_root(doc), way);
		yyjson_doc_free(doc);
		n++;
	}
	(void)fclose(file);
	EXPECT_INT(n, >=, CASES_MIN);
	EXPECT_INT(n_failed, ==, 0);
}

TEST(long_text_that_looks_like_the_beginning_of_calls_takes_linear_time)
{
	static const char *const units[] = { "<tool_call>",      "<tool_call",  "{\n\"name\":\"",
					     "[TOOL_CALLS]",     "[[[[",        "``` ",
					     "<invoke name=\"x", "<|channel|>", "</think" };
	enum { ROUNDS = 20000 };

	for (size_t k = 0; k < sizeof(units) / sizeof(units[0]); k++) {
		const struct reply_options options = { .tools = tool_table,
						       .n_tools = tool_table_count };
		struct answer answer = { 0 };
		struct reply_text reply;

		reply_text_init(&reply, &options);
		for (int i = 0; i < ROUNDS; i++)
			EXPECT_INT(reply_text_feed(&reply, units[k], strlen(units[k])), ==, 0);
		EXPECT_INT(reply_text_finish(&reply, 0, &answer), ==, 0);
		EXPECT_INT(answer.n_calls, ==, 0);
		EXPECT_INT(strlen(answer.text), ==, ROUNDS * strlen(units[k]));
		reply_text_fini(&reply);
		answer_free(&answer);
	}
}
