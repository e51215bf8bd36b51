/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/line-editor.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "l7-shell/edit-text.h"
#include "l7-shell/history.h"
#include "l7-shell/key-reader.h"
#include "l7-shell/line-draw.h"
#include "l7-shell/line-editor-internal.h"
#include "l7-shell/sanitise.h"
#include "l7-shell/tty-mode.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { INPUT_BYTES = 4096, DRAWING_BYTES_MAX = 16 * 1024 * 1024, PROMPT_BYTES_MAX = 1024 };

#define RUNNING_HINT "  Enter queues it, Ctrl-C interrupts the turn"
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

static void write_bytes(const char *bytes, size_t length)
{
	(void)!dir_write_all(STDOUT_FILENO, bytes,
			     length); /* a terminal that is gone ends the input too */
}

static void write_own(const char *text)
{
	write_bytes(text, strlen(text));
}

static bool is_wanted(const struct line_editor *editor)
{
	return editor->visible && !editor->paused &&
	       (!editor->dormant || editor->edit.text.length > 0 || editor->above.length > 0);
}

static struct line_look look_of(const struct line_editor *editor)
{
	const struct screen *screen = editor->options.screen;

	return (struct line_look){
		.prompt = buf_string(&editor->prompt),
		.above = buf_string(&editor->above),
		.hint = editor->dormant && editor->hint.length == 0 && editor->edit.text.length > 0
				? RUNNING_HINT
				: buf_string(&editor->hint),
		.columns = screen->columns,
		.rows = screen->rows,
		.attributes = true,
		.below = editor->below,
		.text = buf_string(&editor->edit.text),
		.length = editor->edit.text.length,
		.cursor = editor->edit.cursor,
	};
}

void line_editor_draw(struct line_editor *editor)
{
	struct buf out = BUF(DRAWING_BYTES_MAX);
	struct line_look look = look_of(editor);
	int r;

	if (editor->plain) {
		if (is_wanted(editor) && !editor->dormant && !editor->drawing.drawn)
			write_own(buf_string(&editor->prompt));
		editor->drawing.drawn = is_wanted(editor) && !editor->dormant;
		return;
	}
	r = is_wanted(editor) ? line_draw(&editor->drawing, &look, &out)
			      : line_draw_erase(&editor->drawing, editor->below, &out);
	if (r == 0 && out.length > 0)
		write_bytes(out.data, out.length);
	buf_free(&out);
}

/* The line stays on the screen as output. */
static void leave(struct line_editor *editor, const char *mark)
{
	struct buf out = BUF(DRAWING_BYTES_MAX);
	struct line_look look = look_of(editor);

	if (line_draw_leave(&editor->drawing, &look, mark, &out) == 0)
		write_bytes(out.data, out.length);
	buf_free(&out);
	editor->visible = false;
}

/* A command is kept with its sign, so that it is one wherever it comes back. */
static int remember(struct line_editor *editor, const char *text)
{
	auto_buf struct buf marked = BUF(EDIT_TEXT_BYTES_MAX + 1);
	int r;

	if (!editor->commands || line_editor_is_marked(text) || text[strspn(text, " \t\n")] == '\0')
		return history_add(editor->history, text);
	r = buf_printf(&marked, "!%s", text);
	return r < 0 ? r : history_add(editor->history, buf_string(&marked));
}

int line_editor_end_line(struct line_editor *editor)
{
	bool shown = editor->visible && !editor->dormant && !editor->paused;
	struct line *line = &editor->lines[editor->n_lines];

	if (editor->n_lines == LINE_EDITOR_QUEUE_MAX) {
		buf_truncate(&editor->hint, 0);
		return buf_add_string(&editor->hint, "  enough is waiting; this line stays here");
	}
	*line = (struct line){ strdup(buf_string(&editor->edit.text)), shown };
	if (!line->text)
		return -ENOMEM;
	editor->n_lines++;
	buf_truncate(&editor->hint, 0);
	if (shown && !editor->plain)
		leave(editor, "");
	else if (editor->plain)
		editor->visible = false; /* the prompt comes again when the line was obeyed */
	if (remember(editor, line->text) == -ENOMEM)
		return -ENOMEM; /* a file that cannot be written: doctor says so */
	edit_text_clear(&editor->edit);
	return 0;
}

static int take_line(struct line_editor *editor, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		int r;

		if (bytes[i] != '\n') {
			r = edit_text_insert(&editor->edit, bytes + i, 1);
		} else {
			editor->drawing.drawn = false;
			r = line_editor_end_line(editor);
		}
		if (r < 0 && r != -EMSGSIZE)
			return r;
	}
	return 0;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct line_editor *editor = data;
	char bytes[INPUT_BYTES];
	ssize_t n = read(fd, bytes, sizeof(bytes));
	int r;

	(void)events;
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n <= 0) {
		editor->ended = true;
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return 0;
	}
	editor->last_key_us = clock_monotonic_us();
	r = editor->plain ? take_line(editor, bytes, (size_t)n)
			  : key_reader_feed(&editor->keys, bytes, (size_t)n);
	line_editor_draw(editor);
	return r;
}

static int open_parts(struct line_editor *editor)
{
	int r = history_open(editor->options.state_fd, &editor->history);

	if (r == 0)
		r = sd_event_add_io(editor->options.event, &editor->input, STDIN_FILENO, EPOLLIN,
				    on_input, editor);
	if (r >= 0) /* what the daemons say comes first */
		r = sd_event_source_set_priority(editor->input, SD_EVENT_PRIORITY_IDLE);
	return r < 0 ? r : 0;
}

int line_editor_open(const struct line_editor_options *options, struct line_editor **ret,
		     struct error *err)
{
	struct line_editor *editor = calloc(1, sizeof(*editor));
	int r = editor ? 0 : -ENOMEM;

	if (r == 0) {
		editor->options = *options;
		editor->plain = !options->screen->terminal;
		editor->edit = EDIT_TEXT;
		editor->prompt = editor->hint = BUF(PROMPT_BYTES_MAX);
		editor->query = BUF(PROMPT_BYTES_MAX);
		editor->before = BUF(EDIT_TEXT_BYTES_MAX);
		editor->above = BUF(DRAWING_BYTES_MAX / 4);
		key_reader_init(&editor->keys, line_editor_on_key, editor);
		r = open_parts(editor);
	}
	if (r < 0) {
		line_editor_close(editor);
		return FAIL(err, r, "line editor: %s", strerror(-r));
	}
	editor->paused = true;
	line_editor_resume(editor);
	*ret = editor;
	return 0;
}

void line_editor_close(struct line_editor *editor)
{
	if (!editor)
		return;
	line_editor_pause(editor);
	sd_event_source_disable_unref(editor->input);
	history_close(editor->history);
	key_reader_free(&editor->keys);
	edit_text_free(&editor->edit);
	for (size_t i = 0; i < editor->n_lines; i++)
		free(editor->lines[i].text);
	buf_free(&editor->prompt);
	buf_free(&editor->hint);
	buf_free(&editor->query);
	buf_free(&editor->before);
	buf_free(&editor->above);
	free(editor);
}

static int replace(struct buf *buf, const char *text)
{
	buf_truncate(buf, 0);
	return buf_add_string(buf, text);
}

int line_editor_set_prompt(struct line_editor *editor, const char *prompt)
{
	return replace(&editor->prompt, prompt);
}

int line_editor_set_above(struct line_editor *editor, const char *rows)
{
	return replace(&editor->above, rows);
}

void line_editor_set_dormant(struct line_editor *editor, bool dormant)
{
	editor->dormant = dormant;
}

void line_editor_set_commands(struct line_editor *editor, bool commands)
{
	editor->commands = commands;
}

int line_editor_feed(struct line_editor *editor, const char *bytes, size_t length)
{
	return editor->plain ? take_line(editor, bytes, length)
			     : key_reader_feed(&editor->keys, bytes, length);
}

bool line_editor_take(struct line_editor *editor, struct buf *line, bool *ret_shown)
{
	auto_free char *text = NULL;

	if (editor->n_lines == 0)
		return false;
	text = editor->lines[0].text;
	*ret_shown = editor->lines[0].shown;
	editor->n_lines--;
	memmove(editor->lines, editor->lines + 1, editor->n_lines * sizeof(editor->lines[0]));
	buf_truncate(line, 0);
	return buf_add_string(line, text) == 0;
}

bool line_editor_has_ended(const struct line_editor *editor)
{
	return editor->ended;
}

bool line_editor_is_empty(const struct line_editor *editor)
{
	return editor->edit.text.length == 0 && !editor->searching;
}

uint64_t line_editor_last_key_us(const struct line_editor *editor)
{
	return editor->last_key_us;
}

void line_editor_drop(struct line_editor *editor)
{
	if (editor->plain) {
		write_own("^C\n");
		editor->drawing.drawn = false;
	} else if (is_wanted(editor)) {
		leave(editor, "^C");
		editor->visible = true;
	}
	line_editor_stop_search(editor);
	history_rest(editor->history);
	edit_text_clear(&editor->edit);
	line_editor_draw(editor);
}

void line_editor_hide(struct line_editor *editor)
{
	bool drawn = editor->drawing.drawn;

	editor->visible = false;
	line_editor_draw(editor);
	if (editor->plain && drawn)
		write_own("\n");
}

void line_editor_show(struct line_editor *editor)
{
	const struct screen *screen = editor->options.screen;

	if (editor->visible)
		return;
	editor->visible = true;
	editor->below = !screen->at_start || screen->has_status;
	line_editor_draw(editor);
}

/* The terminal may have broken the rows anew: the block begins again below what is there. */
void line_editor_resize(struct line_editor *editor)
{
	line_editor_draw(editor);
}

void line_editor_pause(struct line_editor *editor)
{
	if (editor->paused)
		return;
	editor->paused = true;
	line_editor_draw(editor);
	(void)sd_event_source_set_enabled(editor->input, SD_EVENT_OFF);
	if (!editor->plain) {
		write_own(PASTE_OFF);
		tty_mode_restore(&editor->mode);
	}
}

void line_editor_resume(struct line_editor *editor)
{
	if (!editor->paused)
		return;
	editor->paused = false;
	if (!editor->ended)
		(void)sd_event_source_set_enabled(editor->input, SD_EVENT_ON);
	if (!editor->plain) {
		/* before the prompt is seen, so that no key is still shown by the terminal */
		tty_mode_edit(&editor->mode);
		write_own(PASTE_ON);
	}
	line_editor_draw(editor);
}
