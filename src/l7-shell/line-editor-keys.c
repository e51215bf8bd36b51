/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What each key does to the line (L7). */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/glyph.h"
#include "l7-shell/history.h"
#include "l7-shell/line-editor-internal.h"
#include "l7-shell/sanitise.h"

#include <string.h>
#include <unistd.h>

enum {
	PASTE_BYTES_MAX = KEY_PASTE_BYTES_MAX * 8,
	WORD_BYTES_MAX = 8 * 1024,
	NAMES_BYTES_MAX = 1024
};

#define SCREEN_CLEAR "\033[H\033[2J"

/* What is too long for the line is left out. */
static int lenient(int r)
{
	return r == -EMSGSIZE ? 0 : r;
}

static int insert(struct line_editor *editor, const char *text, size_t length)
{
	history_rest(editor->history);
	return lenient(edit_text_insert(&editor->edit, text, length));
}

/* A paste is taken as it is, harmless, newlines included. */
static int paste(struct line_editor *editor, const char *bytes, size_t length)
{
	auto_buf struct buf raw = BUF(KEY_PASTE_BYTES_MAX), text = BUF(PASTE_BYTES_MAX);
	int r = 0;

	while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
		length--;
	for (size_t i = 0; i < length && r == 0; i++) {
		if (bytes[i] == '\r' && i + 1 < length && bytes[i + 1] == '\n')
			continue;
		r = buf_add_char(&raw, bytes[i] == '\r' ? '\n' : bytes[i]);
	}
	if (r == 0)
		r = sanitise_text(buf_string(&raw), raw.length, 0, &text);
	return r < 0 ? lenient(r) : insert(editor, buf_string(&text), text.length);
}

/* Typed characters nobody can see stay out, but the joiners that shape others. */
static int type(struct line_editor *editor, const char *text, size_t length)
{
	uint32_t code = 0;
	size_t n;

	if (glyph_decode(text, length, &code, &n) != GLYPH_READ)
		return 0;
	if (glyph_is_unseen(code) && (editor->edit.cursor == 0 || !glyph_is_joiner(code)))
		return 0;
	return insert(editor, text, length);
}

static int enter(struct line_editor *editor)
{
	struct edit_text *edit = &editor->edit;

	history_rest(editor->history);
	if (edit->text.length > 0 && edit->cursor == edit->text.length &&
	    edit->text.data[edit->text.length - 1] == '\\') {
		edit_text_remove(edit, edit->cursor - 1);
		return lenient(edit_text_insert(edit, "\n", 1));
	}
	edit->cursor = edit->text.length;
	return line_editor_end_line(editor);
}

bool line_editor_is_marked(const char *text)
{
	return *text && strchr("!?^/", *text);
}

/* What comes out of the history means the same in the command mode: a command without its sign,
 * anything else with one. */
static int recall(struct line_editor *editor, const char *text)
{
	int r;

	if (!editor->commands || *text == '\0' || (*text != '!' && line_editor_is_marked(text)))
		return lenient(edit_text_set(&editor->edit, text));
	if (*text == '!')
		return lenient(edit_text_set(&editor->edit, text + 1));
	r = edit_text_set(&editor->edit, "?");
	return lenient(r < 0 ? r : edit_text_insert(&editor->edit, text, strlen(text)));
}

static int go_older(struct line_editor *editor)
{
	const char *text;
	int r;

	if (edit_text_up(&editor->edit))
		return 0;
	r = history_older(editor->history, buf_string(&editor->edit.text), &text);
	return r < 0 || !text ? r : recall(editor, text);
}

static int go_newer(struct line_editor *editor)
{
	const char *text;

	if (edit_text_down(&editor->edit))
		return 0;
	text = history_newer(editor->history);
	if (!text)
		return 0;
	return history_is_draft(editor->history) ? lenient(edit_text_set(&editor->edit, text))
						 : recall(editor, text);
}

static int clear_screen(struct line_editor *editor)
{
	if (editor->dormant) /* it would take the answer away */
		return 0;
	editor->drawing = (struct line_drawing){ 0 };
	editor->below = false;
	return lenient(dir_write_all(STDOUT_FILENO, SCREEN_CLEAR, strlen(SCREEN_CLEAR)));
}

/* --- completion */

struct candidates {
	size_t n;
	char common[WORD_BYTES_MAX]; /* what all begin with */
	struct buf names;
};

static void on_name(const char *name, void *data)
{
	struct candidates *candidates = data;
	size_t n = strnlen(name, sizeof(candidates->common) - 1), same = 0;

	while (same < n && name[same] == candidates->common[same])
		same++;
	while (same > 0 && ((unsigned char)name[same] & 0xC0) == 0x80)
		same--; /* no half of a character */
	if (candidates->n++ == 0) {
		memcpy(candidates->common, name, n);
		candidates->common[n] = '\0';
	} else {
		candidates->common[same] = '\0';
	}
	(void)!buf_printf(&candidates->names, "  %s", name); /* a longer list is cut */
}

static bool ends_in_slash(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && text[n - 1] == '/';
}

/* What all candidates begin with takes the place of what was typed of it. */
static int replace_end(struct line_editor *editor, size_t start, const char *common)
{
	history_rest(editor->history);
	edit_text_remove(&editor->edit, start);
	return lenient(edit_text_insert(&editor->edit, common, strlen(common)));
}

static int complete(struct line_editor *editor)
{
	struct candidates candidates = { .names = BUF(NAMES_BYTES_MAX) };
	const struct edit_text *edit = &editor->edit;
	size_t start = edit->text.length;
	int r = 0;

	if (editor->options.complete && edit->cursor == edit->text.length)
		start = editor->options.complete(buf_string(&edit->text), on_name, &candidates,
						 editor->options.data);
	if (candidates.n > 0 && start <= edit->text.length &&
	    strlen(candidates.common) >= edit->text.length - start)
		r = replace_end(editor, start, candidates.common);
	if (r == 0 && candidates.n == 1 && !ends_in_slash(candidates.common))
		r = insert(editor, " ", 1);
	else if (r == 0 && candidates.n > 1)
		r = buf_add(&editor->hint, candidates.names.data,
			    glyph_fit(candidates.names.data, candidates.names.length,
				      editor->options.screen->columns - 1));
	buf_free(&candidates.names);
	return lenient(r);
}

/* --- search */

void line_editor_stop_search(struct line_editor *editor)
{
	editor->searching = false;
	buf_truncate(&editor->query, 0);
	buf_truncate(&editor->hint, 0);
}

/* Shows the newest entry before `at` that holds the query. */
static int search(struct line_editor *editor, size_t at)
{
	const char *query = buf_string(&editor->query);
	const char *found = *query ? history_find(editor->history, query, &at) : NULL;
	int r = found ? recall(editor, found) : 0;
	size_t fits = glyph_fit(query, editor->query.length, editor->options.screen->columns / 2);

	if (found)
		editor->found_at = at;
	buf_truncate(&editor->hint, 0);
	if (r == 0)
		r = buf_printf(&editor->hint, "  search: %.*s%s", (int)fits, query,
			       found || !*query ? "" : " (not found)");
	return lenient(r);
}

/* 1: the key was the search's; 0: it ends the search and does what it does. */
static int search_key(struct line_editor *editor, enum key key, const char *text, size_t length)
{
	int r;

	switch (key) {
	case KEY_TEXT:
		r = lenient(buf_add(&editor->query, text, length));
		if (r == 0)
			r = search(editor, history_end(editor->history));
		return r < 0 ? r : 1;
	case KEY_BACKSPACE:
		buf_truncate(&editor->query,
			     glyph_before(buf_string(&editor->query), editor->query.length));
		r = search(editor, history_end(editor->history));
		return r < 0 ? r : 1;
	case KEY_SEARCH:
		r = search(editor, editor->found_at);
		return r < 0 ? r : 1;
	case KEY_LEAVE:
		line_editor_stop_search(editor);
		r = edit_text_set(&editor->edit, buf_string(&editor->before));
		return r < 0 ? lenient(r) : 1;
	default:
		line_editor_stop_search(editor);
		return 0;
	}
}

static int start_search(struct line_editor *editor)
{
	int r;

	buf_truncate(&editor->before, 0);
	r = buf_add_string(&editor->before, buf_string(&editor->edit.text));
	if (r < 0)
		return lenient(r);
	editor->searching = true;
	editor->found_at = history_end(editor->history);
	return search(editor, editor->found_at);
}

/* --- the keys */

static int change_mode(struct line_editor *editor)
{
	if (editor->options.on_mode)
		editor->options.on_mode(editor->options.data);
	return 0;
}

static int stop_input(struct line_editor *editor)
{
	if (editor->edit.text.length == 0 && editor->commands)
		return change_mode(editor);
	if (editor->edit.text.length == 0)
		editor->ended = true;
	else
		edit_text_remove(&editor->edit, edit_text_right(&editor->edit));
	return 0;
}

static int move(struct line_editor *editor, enum key key)
{
	struct edit_text *edit = &editor->edit;

	switch (key) {
	case KEY_LEFT:
		edit->cursor = edit_text_left(edit);
		return 0;
	case KEY_RIGHT:
		edit->cursor = edit_text_right(edit);
		return 0;
	case KEY_HOME:
		edit->cursor = edit_text_line_start(edit);
		return 0;
	case KEY_END:
		edit->cursor = edit_text_line_end(edit);
		return 0;
	case KEY_WORD_LEFT:
		edit->cursor = edit_text_word_left(edit);
		return 0;
	case KEY_WORD_RIGHT:
		edit->cursor = edit_text_word_right(edit);
		return 0;
	case KEY_UP:
		return go_older(editor);
	case KEY_DOWN:
		return go_newer(editor);
	default:
		return 1; /* no movement */
	}
}

static int cut(struct line_editor *editor, enum key key)
{
	struct edit_text *edit = &editor->edit;

	switch (key) {
	case KEY_BACKSPACE:
		edit_text_remove(edit, edit_text_left(edit));
		return 0;
	case KEY_DELETE:
		edit_text_remove(edit, edit_text_right(edit));
		return 0;
	case KEY_KILL_LINE_END:
		return edit_text_kill(edit, edit_text_line_end(edit));
	case KEY_KILL_LINE_START:
		return edit_text_kill(edit, edit_text_line_start(edit));
	case KEY_KILL_WORD_LEFT:
		return edit_text_kill(edit, edit_text_word_left(edit));
	case KEY_KILL_WORD_RIGHT:
		return edit_text_kill(edit, edit_text_word_right(edit));
	case KEY_YANK:
		return lenient(edit_text_yank(edit));
	case KEY_TRANSPOSE:
		return lenient(edit_text_transpose(edit));
	default:
		return 1; /* no cut */
	}
}

static int act(struct line_editor *editor, enum key key, const char *text, size_t length)
{
	switch (key) {
	case KEY_TEXT:
		return type(editor, text, length);
	case KEY_PASTE:
		return paste(editor, text, length);
	case KEY_NEWLINE:
		return insert(editor, "\n", 1);
	case KEY_ENTER:
		return enter(editor);
	case KEY_TAB:
		return complete(editor);
	case KEY_SEARCH:
		return start_search(editor);
	case KEY_CLEAR:
		return clear_screen(editor);
	case KEY_STOP_INPUT:
		return stop_input(editor);
	case KEY_MODE:
		return change_mode(editor);
	default:
		return 0;
	}
}

/* What a command takes, while nothing of it was typed yet. */
static int add_hint(struct line_editor *editor)
{
	const struct edit_text *edit = &editor->edit;

	if (!editor->options.hint || editor->hint.length > 0 || editor->searching ||
	    edit->text.length == 0 || edit->cursor != edit->text.length)
		return 0;
	return lenient(
		editor->options.hint(buf_string(&edit->text), &editor->hint, editor->options.data));
}

int line_editor_on_key(enum key key, const char *text, size_t length, void *data)
{
	struct line_editor *editor = data;
	int r = 0;

	if (key != KEY_TEXT || editor->searching)
		editor->drawing.simple = false; /* more than the end of the line may change */
	if (editor->searching) {
		r = search_key(editor, key, text, length);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	buf_truncate(&editor->hint, 0);
	r = move(editor, key);
	if (r == 1)
		r = cut(editor, key);
	if (r == 1)
		r = act(editor, key, text, length);
	return r < 0 ? r : add_hint(editor);
}
