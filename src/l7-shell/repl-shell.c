/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/repl-shell.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/utf8.h"
#include "l7-shell/glyph.h"
#include "l7-shell/inner-shell.h"
#include "l7-shell/line-editor.h"
#include "l7-shell/output-tail.h"
#include "l7-shell/sanitise.h"
#include "l7-shell/view.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	PROMPT_COLUMNS = 40,
	PROMPT_BYTES_MAX = 8 * 4096,
	CONTEXT_BYTES_MAX = 4 * OUTPUT_TAIL_BYTES,
	COMMAND_BYTES_SHOWN = 4096,
	AHEAD_BYTES_MAX = 64 * 1024,
};

#define QUESTION "Explain what this command said. If it failed, say why and what to do."
#define ELLIPSIS "\xE2\x80\xA6"

/* In the command mode a path begins with a slash, too: only a whole name of the table is meant. */
static bool is_slash_command(const struct repl *repl, const char *line)
{
	size_t n = strcspn(line, " \t\n");
	auto_free char *name = NULL;

	if (line[0] != '/')
		return false;
	if (!repl->commands)
		return true;
	name = strndup(line + 1, n - 1);
	return name && command_find(&repl_commands, name);
}

enum repl_line repl_line_kind(const struct repl *repl, char *line, char **ret_text)
{
	char *text = line + strspn(line, " \t\n");

	*ret_text = line;
	if (*text == '\0')
		return REPL_LINE_NOTHING;
	if (line[0] == '!' || line[0] == '?' || line[0] == '^') {
		*ret_text = line + 1 + strspn(line + 1, " \t\n");
		if (line[0] == '^')
			return REPL_LINE_ABOUT;
		if (**ret_text == '\0')
			return REPL_LINE_NOTHING;
		return line[0] == '!' ? REPL_LINE_COMMAND : REPL_LINE_MESSAGE;
	}
	if (is_slash_command(repl, line))
		return REPL_LINE_SLASH;
	return repl->commands ? REPL_LINE_COMMAND : REPL_LINE_MESSAGE;
}

/* --- the inner shell */

static void drop(struct repl *repl)
{
	repl->inner_source = sd_event_source_disable_unref(repl->inner_source);
	inner_shell_close(repl->inner);
	repl->inner = NULL;
}

void repl_close_commands(struct repl *repl)
{
	drop(repl);
	free(repl->last_command);
	repl->last_command = NULL;
}

/* A job in the background has something to say. */
static int on_job(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct repl *repl = data;
	int r;

	(void)fd;
	(void)events;
	repl_hide(repl);
	view_pause(repl->view);
	screen_fresh_line(&repl->shell->out);
	r = screen_flush(&repl->shell->out, NULL);
	if (r == 0)
		r = inner_shell_pump(repl->inner);
	if (r < 0)
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	repl_show(repl);
	return 0;
}

/* The terminal is somebody else's from here on; what is shown begins at the start of a line. */
static int lend(struct repl *repl, struct error *err)
{
	struct screen *out = &repl->shell->out;

	view_pause(repl->view);
	screen_settle(out);
	screen_fresh_line(out);
	line_editor_pause(repl->editor);
	return screen_flush(out, err);
}

static void take_back(struct repl *repl)
{
	repl->shell->out.at_start = true;
	screen_measure(&repl->shell->out);
	view_resize(repl->view);
	line_editor_resume(repl->editor);
}

static int ensure(struct repl *repl, struct error *err)
{
	int r = repl->inner ? 0 : inner_shell_open(repl->shell->options->login, &repl->inner, err);

	if (r < 0 || repl->inner_source)
		return r;
	r = sd_event_add_io(repl->event, &repl->inner_source, inner_shell_fd(repl->inner), EPOLLIN,
			    on_job, repl);
	return r < 0 ? FAIL(err, r, "the shell's terminal: %s", strerror(-r)) : 0;
}

static void tell_end(struct repl *repl, enum inner_end end, int status)
{
	struct screen *out = &repl->shell->out;

	if (end == INNER_HUNG_UP) {
		repl->quit = true;
		return;
	}
	if (end == INNER_ENDED) {
		drop(repl);
		if (repl->commands && repl->login) {
			repl->quit = true; /* exit of a login shell */
			repl->status = status;
			return;
		}
		repl->commands = false;
		line_editor_set_commands(repl->editor, false);
		screen_own(out, STYLE_DIM,
			   "the shell has ended (exit %d); the next command starts "
			   "another one\n",
			   status);
	} else if (status != 0 && !repl->commands) {
		screen_own(out, STYLE_DIM, "exit %d\n", status);
	}
}

/* In the command mode it is the next command; a message is not sent unseen. */
static void type_ahead(struct repl *repl)
{
	auto_buf struct buf ahead = BUF(AHEAD_BYTES_MAX);

	if (repl->inner && inner_shell_take_ahead(repl->inner, &ahead) == 0 && repl->commands &&
	    line_editor_feed(repl->editor, buf_string(&ahead), ahead.length) < 0)
		repl->quit = true; /* no memory */
}

int repl_command(struct repl *repl, const char *text, struct error *err)
{
	enum inner_end end = INNER_DONE;
	char *kept = strdup(text);
	int r, status = 0;

	if (!kept)
		return FAIL(err, -ENOMEM, "out of memory");
	free(repl->last_command);
	repl->last_command = kept;
	r = lend(repl, err);
	if (r == 0)
		r = ensure(repl, err);
	if (r == 0)
		r = inner_shell_run(repl->inner, text, &end, &status, err);
	take_back(repl);
	if (r < 0) {
		drop(repl);
		return r;
	}
	tell_end(repl, end, status);
	type_ahead(repl);
	return 0;
}

int repl_toggle_commands(struct repl *repl, struct error *err)
{
	int r = 0;

	repl_hide(repl);
	if (!repl->commands) {
		r = lend(repl, err);
		if (r == 0)
			r = ensure(repl, err);
		take_back(repl);
	}
	if (r < 0)
		return r;
	repl->commands = !repl->commands;
	line_editor_set_commands(repl->editor, repl->commands);
	if (repl->commands && !repl->was_told) {
		screen_own(&repl->shell->out, STYLE_DIM,
			   "commands are yours now, with your rights; ?text asks the agent, F2 or "
			   "/sh goes back\n");
		repl->was_told = true;
	}
	return 0;
}

/* --- the prompt */

/* The directory as a person writes it: ~ for home, its end when it is long. */
static int add_directory(const char *directory, struct buf *out)
{
	auto_buf struct buf harmless = BUF(PROMPT_BYTES_MAX);
	const char *home = getenv("HOME"), *text;
	size_t n = home ? strlen(home) : 0, width;
	int r;

	if (n > 1 && strncmp(directory, home, n) == 0 &&
	    (directory[n] == '\0' || directory[n] == '/')) {
		r = buf_add_char(&harmless, '~');
		directory += n;
	} else {
		r = 0;
	}
	if (r == 0)
		r = sanitise_text(directory, strlen(directory), SANITISE_LINE, &harmless);
	if (r < 0)
		return r;
	text = buf_string(&harmless);
	width = glyph_text_width(text, harmless.length);
	if (width <= PROMPT_COLUMNS)
		return buf_add_string(out, text);
	while (*text && glyph_text_width(text, strlen(text)) >= PROMPT_COLUMNS) {
		unsigned columns;

		text += glyph_cluster(text, strlen(text), &columns);
	}
	r = buf_add_string(out, ELLIPSIS);
	return r < 0 ? r : buf_add_string(out, text);
}

int repl_add_command_prompt(const struct repl *repl, struct buf *prompt)
{
	int status = repl->inner ? inner_shell_status(repl->inner) : 0;
	int r = status ? buf_printf(prompt, "[%d] ", status) : 0;

	if (r == 0)
		r = buf_add_string(prompt, "sh ");
	if (r == 0)
		r = add_directory(repl->inner ? inner_shell_directory(repl->inner) : "", prompt);
	return r < 0 ? r : buf_add_string(prompt, geteuid() == 0 ? " # " : " $ ");
}

/* --- questions about the last command */

static int add_context(const struct repl *repl, struct buf *context)
{
	auto_buf struct buf output = BUF(CONTEXT_BYTES_MAX);
	uint64_t cut = 0;
	int r = output_tail_text(inner_shell_output(repl->inner), &output, &cut);

	if (r == 0)
		r = buf_printf(context, "$ %.*s\n[directory %s, exit status %d]\n",
			       COMMAND_BYTES_SHOWN, repl->last_command,
			       inner_shell_directory(repl->inner), inner_shell_status(repl->inner));
	if (r == 0 && cut > 0)
		r = buf_printf(context, "[the first %llu bytes of its output are left out]\n",
			       (unsigned long long)cut);
	return r < 0 ? r : buf_add(context, buf_string(&output), output.length);
}

int repl_ask_about(struct repl *repl, const char *question, struct error *err)
{
	auto_buf struct buf context = BUF(CONTEXT_BYTES_MAX + PROMPT_BYTES_MAX),
			    text = BUF(CONTEXT_BYTES_MAX + PROMPT_BYTES_MAX);
	auto_fd int fd = -1;
	int r;

	if (!repl->inner || !repl->last_command)
		return FAIL(err, -ENOENT, "no command has said anything yet; !COMMAND runs one");
	r = add_context(repl, &context);
	if (r == 0) /* the names of files may be anything */
		r = utf8_add_repaired(&text, buf_string(&context), context.length);
	if (r < 0)
		return FAIL(err, r, "what the command said: %s", strerror(-r));
	fd = dir_sealed_memfd("context", text.data, text.length);
	if (fd < 0)
		return FAIL(err, fd, "what the command said: %s", strerror(-fd));
	return repl_send_with(repl, *question ? question : QUESTION, fd, err);
}
