/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Runs tests/data/{openai,anthropic}-answers/NAME.cases: what a provider sends against what is
 * read. Each case is fed whole, byte by byte, and in pieces of 7 bytes; all must read the same.
 *
 *   === name of the case
 *   status: 200            (default)
 *   newline: crlf | cr     (each newline of the body is sent so)
 *   body: ESCAPED          (or the lines after "---" up to the next case, without the last newline)
 *   text: / reasoning: / call: ID NAME ARGUMENTS / stop: / usage: PROMPT CACHED ANSWER
 *   error: CODE part of the sentence / carried: what goes back with the calls
 *
 * Escapes in values: \n \r \t \\ \0 \xNN.
 */
#include "base/buf.h"
#include "base/number.h"
#include "l6-agent/model.h"

#include "harness/tap.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_BYTES_MAX = 1 << 20, FILES_BYTES_MAX = 4 << 20, STATUS_DEFAULT = 200 };

static const struct model_format *format;

struct one_case {
	char name[200];
	const char *newline;
	int status;
	struct buf body, wanted;
	bool in_body, body_started;
};

static unsigned hex_digit(char c)
{
	const char digits[] = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	return c && at ? (unsigned)(at - digits) : 0;
}

static void add(struct buf *buf, const char *bytes, size_t length)
{
	if (buf_add(buf, bytes, length) < 0)
		abort();
}

static void add_unescaped(struct buf *buf, const char *text)
{
	for (; *text; text++) {
		const char *from = "nrt0\\", *to = "\n\r\t\0\\", *at;
		char c = *text;

		if (c == '\\' && text[1] == 'x' && text[2] && text[3]) {
			c = (char)(hex_digit(text[2]) << 4 | hex_digit(text[3]));
			text += 3;
		} else if (c == '\\' && text[1] && (at = strchr(from, text[1]))) {
			c = to[at - from];
			text++;
		}
		add(buf, &c, 1);
	}
}

static void add_escaped(struct buf *buf, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n')
			add(buf, "\\n", 2);
		else
			add(buf, text + i, 1);
	}
}

struct seen {
	struct buf text, reasoning;
};

static void see_text(const char *text, size_t length, void *data)
{
	add_escaped(&((struct seen *)data)->text, text, length);
}

static void see_reasoning(const char *text, size_t length, void *data)
{
	add_escaped(&((struct seen *)data)->reasoning, text, length);
}

static const char *stop_name(enum answer_stop stop)
{
	static const char *const names[] = { "end", "calls", "length", "filter" };

	return names[stop];
}

static const char *code_name(int r)
{
	return r == -EPROTO      ? "EPROTO"
	       : r == -EREMOTEIO ? "EREMOTEIO"
	       : r == -E2BIG     ? "E2BIG"
				 : "?";
}

static void describe(struct buf *out, const struct seen *seen, int r, const struct answer *answer,
		     const struct error *err)
{
	int bad = 0;

	if (r < 0)
		bad |= buf_printf(out, "error: %s %s\n", code_name(r), err->text);
	if (r >= 0 && answer->text) {
		bad |= buf_add_string(out, "text: ");
		add_escaped(out, answer->text, strlen(answer->text));
		bad |= buf_add_string(out, "\n");
	}
	if (seen->reasoning.length > 0)
		bad |= buf_printf(out, "reasoning: %s\n", seen->reasoning.data);
	for (size_t i = 0; r >= 0 && i < answer->n_calls; i++)
		bad |= buf_printf(out, "call: %s %s %s\n", answer->calls[i].id,
				  answer->calls[i].name, answer->calls[i].arguments);
	if (r >= 0 && answer->carried)
		bad |= buf_printf(out, "carried: %s\n", answer->carried);
	if (r >= 0)
		bad |= buf_printf(out, "stop: %s\n", stop_name(answer->stop));
	if (r >= 0 && (answer->prompt_tokens || answer->answer_tokens))
		bad |= buf_printf(out, "usage: %llu %llu %llu\n",
				  (unsigned long long)answer->prompt_tokens,
				  (unsigned long long)answer->cached_tokens,
				  (unsigned long long)answer->answer_tokens);
	if (bad)
		abort();
}

static struct buf read_in_pieces(const struct one_case *one,
				 const struct conversation *conversation, size_t step)
{
	struct seen seen = { BUF(CASE_BYTES_MAX), BUF(CASE_BYTES_MAX) };
	const struct answer_sink sink = { see_text, see_reasoning, &seen };
	struct answer_reader *reader = NULL;
	struct answer answer = { 0 };
	struct error err = { 0 };
	struct buf out = BUF(CASE_BYTES_MAX);
	int r = format->reader_open(conversation, 0, one->status, NULL, &sink, &reader, &err);

	for (size_t at = 0; r >= 0 && at < one->body.length; at += step) {
		size_t left = one->body.length - at;

		r = format->feed(reader, one->body.data + at, left < step ? left : step, &err);
	}
	if (r >= 0)
		r = format->finish(reader, &answer, &err);
	describe(&out, &seen, r, &answer, &err);
	answer_free(&answer);
	format->reader_close(reader);
	buf_free(&seen.text);
	buf_free(&seen.reasoning);
	return out;
}

/* Each wanted line is there; a wanted error may be the front part of the sentence. */
static bool fits(const char *wanted, const char *got)
{
	const char *error = strstr(wanted, "error: ");

	if (!error)
		return strcmp(wanted, got) == 0;
	return strncmp(wanted, got, strlen(wanted) - 1) == 0;
}

static unsigned run_case(const struct one_case *one)
{
	static const size_t steps[] = { CASE_BYTES_MAX, 1, 7 };
	const struct conversation_options options = { .model = "m", .max_bytes = CASE_BYTES_MAX };
	struct conversation *conversation = NULL;
	struct error err = { 0 };
	unsigned failed = 0;

	EXPECT_OK(format->open(&options, &conversation, &err), &err);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct buf got = read_in_pieces(one, conversation, steps[i]);

		if (!fits(buf_string(&one->wanted), buf_string(&got))) {
			printf("# %s, in steps of %zu:\n# got:\n%s# wanted:\n%s", one->name,
			       steps[i], buf_string(&got), buf_string(&one->wanted));
			failed = 1;
		}
		buf_free(&got);
	}
	format->close(conversation);
	return failed;
}

static void take_key(struct one_case *one, const char *line)
{
	uint64_t status;

	if (strncmp(line, "status: ", 8) == 0 && number_parse_u64(line + 8, 0, 999, &status) == 0) {
		one->status = (int)status;
	} else if (strcmp(line, "newline: crlf") == 0) {
		one->newline = "\r\n";
	} else if (strcmp(line, "newline: cr") == 0) {
		one->newline = "\r";
	} else if (strncmp(line, "body: ", 6) == 0) {
		add_unescaped(&one->body, line + 6);
	} else {
		add(&one->wanted, line, strlen(line));
		add(&one->wanted, "\n", 1);
	}
}

static unsigned end_case(struct one_case *one)
{
	unsigned failed = one->name[0] ? run_case(one) : 0;

	buf_free(&one->body);
	buf_free(&one->wanted);
	*one = (struct one_case){ .newline = "\n",
				  .status = STATUS_DEFAULT,
				  .body = BUF(CASE_BYTES_MAX),
				  .wanted = BUF(CASE_BYTES_MAX) };
	return failed;
}

static void take_body_line(struct one_case *one, const char *line)
{
	if (one->body_started)
		add(&one->body, one->newline, strlen(one->newline));
	one->body_started = true;
	add(&one->body, line, strlen(line));
}

static void run_file(const struct model_format *of, const char *name)
{
	struct one_case one = { .body = BUF(1), .wanted = BUF(1) };
	char path[500], *line = NULL;
	size_t capacity = 0;
	unsigned failed = 0, cases = 0;
	FILE *file;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/../tests/data/%s-answers/%s", getenv("CLAW_SPEC"),
		       of->name, name);
	file = fopen(path, "re");
	if (!file)
		tap_fail(__FILE__, __LINE__, "cannot open %s", path);
	format = of;
	(void)end_case(&one);
	while ((n = getline(&line, &capacity, file)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (strncmp(line, "=== ", 4) == 0) {
			failed += end_case(&one);
			cases++;
			(void)snprintf(one.name, sizeof(one.name), "%s", line + 4);
		} else if (one.in_body) {
			take_body_line(&one, line);
		} else if (strcmp(line, "---") == 0) {
			one.in_body = true;
		} else if (*line && *line != '#') {
			take_key(&one, line);
		}
	}
	failed += end_case(&one);
	buf_free(&one.body);
	buf_free(&one.wanted);
	free(line);
	(void)fclose(file);
	printf("# %s: %u cases\n", name, cases);
	EXPECT_INT(cases, >, 0);
	EXPECT_INT(failed, ==, 0);
}

TEST(streams_are_read_as_their_cases_say)
{
	run_file(&model_format_openai, "streams.cases");
}

TEST(whole_answers_are_read_as_their_cases_say)
{
	run_file(&model_format_openai, "whole.cases");
}

TEST(tool_calls_are_read_as_their_cases_say)
{
	run_file(&model_format_openai, "tool-calls.cases");
}

TEST(thinking_is_separated_as_its_cases_say)
{
	run_file(&model_format_openai, "thinking.cases");
}

TEST(provider_errors_are_read_as_their_cases_say)
{
	run_file(&model_format_openai, "errors.cases");
}

TEST(streams_of_anthropic_are_read_as_their_cases_say)
{
	run_file(&model_format_anthropic, "streams.cases");
}

TEST(whole_messages_of_anthropic_are_read_as_their_cases_say)
{
	run_file(&model_format_anthropic, "whole.cases");
}

TEST(errors_of_anthropic_are_read_as_their_cases_say)
{
	run_file(&model_format_anthropic, "errors.cases");
}
