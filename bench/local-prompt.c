/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * local-prompt - writes what model_format_local makes of a conversation, for benches and tests.
 *
 * Standard input: one line per turn, columns separated by tabs, \n in a text is a line feed:
 *     user TEXT [MEMORY]    call NAME JSON    result NAME TEXT    answer TEXT    note TEXT
 *     prompt | prompt-text-only | prefix
 * The last three write "LENGTH PREFIX GRAMMAR\n" and then prompt and grammar.
 */
#include "base/cleanup.h"
#include "l6-agent/model.h"
#include "l6-agent/tool.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 4, MAX_BYTES = 1 << 20 };

static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] == 'n') {
			*to++ = '\n';
			text++;
		} else if (text[0] == '\\' && text[1] == 't') {
			*to++ = '\t';
			text++;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

static int write_out(const struct prompt *prompt)
{
	size_t length = prompt->length + prompt->grammar_length;
	auto_free char *bytes = malloc(length + 1);

	if (!bytes || pread(prompt->fd, bytes, length, (off_t)prompt->offset) != (ssize_t)length)
		return -EIO;
	printf("%llu %llu %llu\n", (unsigned long long)prompt->length,
	       (unsigned long long)prompt->prefix_length,
	       (unsigned long long)prompt->grammar_length);
	(void)fwrite(bytes, 1, length, stdout);
	return fflush(stdout) == 0 ? 0 : -EIO;
}

static int take(struct conversation *conversation, char *columns[COLUMNS], struct error *err)
{
	const struct model_format *format = &model_format_local;
	struct tool_call call = { .name = columns[1], .arguments = columns[2] };
	struct answer calls = { .calls = &call, .n_calls = 1 };
	struct answer text = { .text = columns[1] };
	struct prompt prompt;
	int r = -EINVAL;

	if (strcmp(columns[0], "user") == 0)
		return format->add_user(conversation, columns[1], columns[2], err);
	if (strcmp(columns[0], "call") == 0)
		return format->add_assistant(conversation, &calls, err);
	if (strcmp(columns[0], "answer") == 0)
		return format->add_assistant(conversation, &text, err);
	if (strcmp(columns[0], "result") == 0) {
		unescape(columns[2]);
		return format->add_result(conversation, &call, columns[2], true, err);
	}
	if (strcmp(columns[0], "note") == 0)
		return format->add_note(conversation, columns[1], err);
	if (strcmp(columns[0], "prompt") == 0)
		r = format->prompt(conversation, 0, &prompt, err);
	else if (strcmp(columns[0], "prompt-text-only") == 0)
		r = format->prompt(conversation, PROMPT_NO_TOOLS, &prompt, err);
	else if (strcmp(columns[0], "prefix") == 0)
		r = format->prefix(conversation, &prompt, err);
	return r < 0 ? r : write_out(&prompt);
}

int main(void)
{
	struct conversation_options options = { .model = "local",
						.instructions = getenv("LOCAL_INSTRUCTIONS"),
						.tools = tool_table,
						.n_tools = tool_table_count,
						.max_bytes = MAX_BYTES };
	struct conversation *conversation;
	struct error err = {};
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int r;

	if (!options.instructions)
		options.instructions = "";
	r = model_format_local.open(&options, &conversation, &err);
	if (r < 0) {
		(void)fprintf(stderr, "local-prompt: %s\n", err.text);
		return 1;
	}
	while (r >= 0 && (n = getline(&line, &size, stdin)) > 0) {
		char *columns[COLUMNS] = { line }, *at = line;

		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 1; i < COLUMNS && (at = strchr(at, '\t')); i++) {
			*at++ = '\0';
			columns[i] = at;
		}
		r = take(conversation, columns, &err);
	}
	if (r < 0)
		(void)fprintf(stderr, "local-prompt: %s\n", err.text);
	free(line);
	model_format_local.close(conversation);
	return r < 0;
}
