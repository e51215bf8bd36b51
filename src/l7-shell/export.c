/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/export.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/command.h"
#include "l7-shell/link.h"
#include "l7-shell/report.h"
#include "l7-shell/shell.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
	DOCUMENT_BYTES_MAX = 256 * 1024 * 1024,
	TURNS_MAX = 1000, /* of one answer of the agent */
	FILE_MODE = 0600,
};

static size_t elements(sd_json_variant *array)
{
	return array && sd_json_variant_is_array(array) ? sd_json_variant_elements(array) : 0;
}

/* Each line behind "> ". */
static int add_quote(const char *text, struct buf *out)
{
	int r = 0;

	do {
		size_t n = strcspn(text, "\n");

		r = buf_add_string(out, n > 0 ? "> " : ">");
		if (r == 0)
			r = buf_add(out, text, n);
		if (r == 0)
			r = buf_add_char(out, '\n');
		text += n + (text[n] == '\n');
	} while (*text && r == 0);
	return r < 0 ? r : buf_add_char(out, '\n');
}

/* A fence that the text cannot end. */
static int add_fence(const char *text, struct buf *out)
{
	size_t longest = 2, ticks = 0;
	int r = 0;

	for (const char *at = text; *at; at++) {
		ticks = *at == '`' ? ticks + 1 : 0;
		longest = ticks > longest ? ticks : longest;
	}
	for (size_t i = 0; i <= longest && r == 0; i++)
		r = buf_add_char(out, '`');
	return r;
}

static int add_arguments(sd_json_variant *arguments, struct buf *out)
{
	auto_free char *text = NULL;
	int r = arguments ? link_format(arguments, &text) : 0;

	if (r < 0 || !text)
		return r;
	r = add_fence(text, out);
	if (r == 0)
		r = buf_printf(out, "\n%s\n", text);
	if (r == 0)
		r = add_fence(text, out);
	return r < 0 ? r : buf_add_string(out, "\n\n");
}

static int add_tools(sd_json_variant *tools, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < elements(tools) && r == 0; i++) {
		sd_json_variant *tool = sd_json_variant_by_index(tools, i);

		r = buf_printf(out, "Tool `%s`: %s\n\n", link_string(tool, "name"),
			       link_boolean(tool, "ok") ? "ok" : "failed");
		if (r == 0)
			r = add_arguments(link_field(tool, "arguments"), out);
	}
	return r;
}

static int add_steers(sd_json_variant *steers, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < elements(steers) && r == 0; i++) {
		sd_json_variant *steer = sd_json_variant_by_index(steers, i);

		if (sd_json_variant_is_string(steer))
			r = add_quote(sd_json_variant_string(steer), out);
	}
	return r;
}

/* An answer is Markdown already; what a tool says is not. */
static int add_answer(sd_json_variant *turn, struct buf *out)
{
	const char *answer = link_string(turn, "answer");
	int r = 0;

	if (!*answer)
		return 0;
	if (!*link_string(turn, "tool")) {
		r = buf_add_string(out, answer);
	} else {
		r = add_fence(answer, out);
		if (r == 0)
			r = buf_printf(out, "\n%s%s", answer,
				       answer[strlen(answer) - 1] == '\n' ? "" : "\n");
		if (r == 0)
			r = add_fence(answer, out);
	}
	return r < 0 ? r : buf_add_string(out, "\n\n");
}

static int add_turn(sd_json_variant *turn, struct buf *out)
{
	const char *state = link_string(turn, "state"), *reason = link_string(turn, "reason");
	int r = buf_printf(out, "## Turn %lld\n\n", (long long)link_integer(turn, "turn"));

	if (r == 0)
		r = add_quote(link_string(turn, "text"), out);
	if (r == 0)
		r = add_tools(link_field(turn, "tools"), out);
	if (r == 0)
		r = add_steers(link_field(turn, "steers"), out);
	if (r == 0)
		r = add_answer(turn, out);
	if (r == 0 && strcmp(state, "done") != 0)
		r = buf_printf(out, "*%s%s%s*\n\n", state, *reason ? ": " : "", reason);
	return r;
}

static int add_markdown(struct shell *shell, sd_json_variant *turns, struct buf *out)
{
	int r = buf_printf(out, "# Thread %s\n\n", shell->thread);

	if (r == 0 && elements(turns) == TURNS_MAX)
		r = buf_printf(out, "The newest %d turns.\n\n", TURNS_MAX);
	for (size_t i = 0; i < elements(turns) && r == 0; i++)
		r = add_turn(sd_json_variant_by_index(turns, i), out);
	if (r == 0 && out->length > 1 && out->data[out->length - 2] == '\n')
		buf_truncate(out, out->length - 1); /* one newline at the end */
	return r;
}

static int ask(struct shell *shell, sd_json_variant **ret, struct error *err)
{
	auto_json sd_json_variant *parameters = NULL;
	int r = sd_json_buildo(&parameters, SD_JSON_BUILD_PAIR_STRING("thread", shell->thread),
			       SD_JSON_BUILD_PAIR_INTEGER("limit", TURNS_MAX));

	if (r < 0)
		return FAIL(err, r, "export: %s", strerror(-r));
	return link_ask(shell->run_fd, "agent", "io.clawos.Agent.History", parameters, ret, err);
}

static int write_new(const char *path, const struct buf *document, struct error *err)
{
	auto_fd int fd = dir_open_configured(path, O_WRONLY | O_CREAT | O_EXCL, FILE_MODE);
	int r;

	if (fd == -EEXIST)
		return FAIL(err, fd, "%s is there already; it is not written over", path);
	if (fd < 0)
		return FAIL(err, fd, "%s: %s", path, strerror(-fd));
	r = dir_write_all(fd, document->data, document->length);
	if (r == 0 && fsync(fd) < 0 && errno != EINVAL) /* a pipe has nothing to sync */
		r = -errno;
	return r < 0 ? FAIL(err, r, "%s: %s", path, strerror(-r)) : 0;
}

static int make_document(struct shell *shell, bool json, struct buf *out, struct error *err)
{
	auto_json sd_json_variant *reply = NULL;
	auto_free char *text = NULL;
	int r = ask(shell, &reply, err);

	if (r < 0)
		return r;
	if (!json) {
		r = add_markdown(shell, link_field(reply, "turns"), out);
	} else {
		r = link_format(reply, &text);
		if (r >= 0)
			r = buf_printf(out, "%s\n", text);
	}
	return r < 0 ? FAIL(err, r, "export: %s", strerror(-r)) : 0;
}

int export_thread(struct shell *shell, const char *const args[], struct error *err)
{
	auto_buf struct buf document = BUF(DOCUMENT_BYTES_MAX);
	bool json = shell->options->json || (args[0] && strcmp(args[0], "json") == 0);
	bool named = args[0] && (strcmp(args[0], "json") == 0 || strcmp(args[0], "md") == 0);
	const char *path = named ? args[1] : args[0];
	int r;

	if (!named && args[0] && args[1])
		return FAIL(err, COMMAND_USAGE, "export is md or json, not \"%s\"", args[0]);
	r = make_document(shell, json, &document, err);
	if (r == 0 && path)
		r = write_new(path, &document, err);
	if (r < 0)
		return r;
	if (path && shell->repl)
		screen_own(&shell->out, STYLE_DIM, "written\n");
	else if (!path)
		screen_foreign_block(&shell->out, STYLE_PLAIN, document.data, document.length);
	return 0;
}
