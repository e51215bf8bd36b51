/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/line-editor.h"

#include "base/cleanup.h"
#include "l7-shell/glyph.h"
#include "l7-shell/history-file.h"
#include "l7-shell/sanitise.h"
#include "l7-shell/wide-text.h"

#include <histedit.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
	INPUT_BYTES = 4096,
	PASTE_BYTES_MAX = 1024 * 1024,
	WORD_BYTES_MAX = 128,
	PROMPT_MAX = 64,
	PASTE_KEY = 0x1F, /* ^_ */
};

#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"
#define PASTE_BEGIN "\033[200~"
#define PASTE_END "\033[201~"
#define LINE_ERASE "\r\033[K"

struct line_editor {
	struct line_editor_options options;
	EditLine *el;
	HistoryW *history;
	sd_event_source *input; /* fires once when a key was pressed */
	bool reading, ready, cancelled, ended, continued, hidden;
	size_t n_bytes; /* read and not yet given to libedit */
	char bytes[INPUT_BYTES];
	wchar_t *paste; /* waits for its key; NULL: none */
	wchar_t prompt[PROMPT_MAX], more[PROMPT_MAX];
};

static struct line_editor *owner(EditLine *el)
{
	void *editor = NULL;

	(void)el_wget(el, EL_CLIENTDATA, &editor);
	return editor;
}

static wchar_t *on_prompt(EditLine *el)
{
	struct line_editor *editor = owner(el);

	return editor->continued ? editor->more : editor->prompt;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct line_editor *editor = data;

	(void)source;
	(void)fd;
	(void)events;
	editor->ready = true;
	return 0;
}

/* Runs the loop until bytes have come. 1, 0 at the end of input or when the line is dropped, or
 * -errno. */
static int fill(struct line_editor *editor)
{
	ssize_t n;
	int r;

	editor->ready = false;
	r = sd_event_source_set_enabled(editor->input, SD_EVENT_ONESHOT);
	while (r >= 0 && !editor->ready && !editor->cancelled && !editor->ended) {
		r = sd_event_run(editor->options.event, UINT64_MAX);
		if (sd_event_get_state(editor->options.event) == SD_EVENT_FINISHED)
			editor->ended = true;
	}
	if (r < 0 || editor->cancelled || editor->ended)
		return r < 0 ? r : 0;
	do
		n = read(STDIN_FILENO, editor->bytes + editor->n_bytes,
			 sizeof(editor->bytes) - editor->n_bytes);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		editor->ended = true;
		return n < 0 ? -errno : 0;
	}
	editor->n_bytes += (size_t)n;
	return 1;
}

static void consume(struct line_editor *editor, size_t length)
{
	editor->n_bytes -= length;
	memmove(editor->bytes, editor->bytes + length, editor->n_bytes);
}

/* True when what is there is, or may become, the given sequence. */
static bool begins(const struct line_editor *editor, const char *sequence, bool *ret_whole)
{
	size_t length = strlen(sequence), n = editor->n_bytes < length ? editor->n_bytes : length;

	bool same = n > 0 && memcmp(editor->bytes, sequence, n) == 0;

	*ret_whole = same && n == length;
	return same;
}

/* Collects the pasted bytes up to their end; line ends become newlines. */
static int collect_paste(struct line_editor *editor, struct buf *text)
{
	for (;;) {
		bool whole = false;
		int r;

		if (editor->n_bytes == 0 || (begins(editor, PASTE_END, &whole) && !whole)) {
			r = fill(editor);
			if (r <= 0)
				return r;
			continue;
		}
		if (whole) {
			consume(editor, strlen(PASTE_END));
			return 1;
		}
		if (editor->bytes[0] == '\r')
			editor->bytes[0] = '\n';
		r = buf_add_char(text, editor->bytes[0]);
		if (r < 0 && r != -EMSGSIZE) /* a longer paste is cut: the rest is passed over */
			return r;
		consume(editor, 1);
	}
}

/* A paste is taken as it is, harmless, newlines included; its key puts it into the line. */
static int take_paste(struct line_editor *editor, wchar_t *ret)
{
	auto_buf struct buf raw = BUF(PASTE_BYTES_MAX), text = BUF(PASTE_BYTES_MAX * 8);
	int r;

	consume(editor, strlen(PASTE_BEGIN));
	r = collect_paste(editor, &raw);
	if (r <= 0)
		return r;
	while (raw.length > 0 && raw.data[raw.length - 1] == '\n')
		buf_truncate(&raw, raw.length - 1);
	free(editor->paste);
	editor->paste = NULL;
	r = sanitise_text(buf_string(&raw), raw.length, 0, &text);
	if (r == 0)
		r = wide_from_utf8(buf_string(&text), &editor->paste);
	*ret = PASTE_KEY;
	return r < 0 ? r : 1;
}

static unsigned char on_paste(EditLine *el, int key)
{
	struct line_editor *editor = owner(el);
	int r = editor->paste ? el_winsertstr(el, editor->paste) : -1;

	(void)key;
	free(editor->paste);
	editor->paste = NULL;
	return r == 0 ? CC_REFRESH : CC_NORM;
}

/* libedit's source of characters. */
static int on_getc(EditLine *el, wchar_t *ret)
{
	struct line_editor *editor = owner(el);

	for (;;) {
		uint32_t code = 0;
		size_t length = 1;
		bool whole = false;
		int r = 1;

		if (editor->n_bytes == 0 ||
		    (begins(editor, PASTE_BEGIN, &whole) && !whole && editor->n_bytes > 1)) {
			r = fill(editor);
		} else if (whole) {
			return take_paste(editor, ret);
		} else {
			switch (glyph_decode(editor->bytes, editor->n_bytes, &code, &length)) {
			case GLYPH_CUT:
				r = fill(editor);
				break;
			case GLYPH_MALFORMED:
				consume(editor, 1);
				break;
			case GLYPH_READ:
				consume(editor, length);
				*ret = (wchar_t)code;
				return 1;
			}
		}
		if (r <= 0)
			return r;
	}
}

static unsigned char on_complete(EditLine *el, int key)
{
	struct line_editor *editor = owner(el);
	const LineInfoW *line = el_wline(el);
	auto_buf struct buf word = BUF(WORD_BYTES_MAX);
	auto_free wchar_t *wide = NULL;
	const char *name;

	(void)key;
	if (!editor->options.complete ||
	    wide_to_utf8(line->buffer, (size_t)(line->cursor - line->buffer), &word) < 0)
		return CC_NORM;
	name = editor->options.complete(buf_string(&word), editor->options.data);
	if (!name || strlen(name) < word.length || wide_from_utf8(name + word.length, &wide) < 0 ||
	    el_winsertstr(el, wide) < 0)
		return CC_NORM;
	return CC_REFRESH;
}

static int set_up(struct line_editor *editor)
{
	HistEventW event;
	int r = 0;

	(void)el_wset(editor->el, EL_CLIENTDATA, editor);
	r |= el_wset(editor->el, EL_PROMPT, on_prompt);
	r |= el_wset(editor->el, EL_GETCFN, on_getc);
	r |= el_wset(editor->el, EL_EDITOR, L"emacs");
	r |= el_wset(editor->el, EL_SIGNAL, 0);
	r |= el_wset(editor->el, EL_HIST, history_w, editor->history);
	r |= el_wset(editor->el, EL_ADDFN, L"claw-complete", L"Complete a command", on_complete);
	r |= el_wset(editor->el, EL_ADDFN, L"claw-paste", L"Insert what was pasted", on_paste);
	r |= el_wset(editor->el, EL_BIND, L"\t", L"claw-complete", NULL);
	r |= el_wset(editor->el, EL_BIND, L"^_", L"claw-paste", NULL);
	r |= el_wset(editor->el, EL_BIND, L"^R", L"em-inc-search-prev", NULL);
	r |= history_w(editor->history, &event, H_SETSIZE, HISTORY_FILE_ENTRIES);
	r |= history_w(editor->history, &event, H_SETUNIQUE, 1);
	return r < 0 ? -EIO : 0;
}

static int on_entry(const char *text, void *data)
{
	struct line_editor *editor = data;
	auto_free wchar_t *wide = NULL;
	HistEventW event;
	int r = wide_from_utf8(text, &wide);

	if (r == 0 && history_w(editor->history, &event, H_ENTER, wide) < 0)
		r = -ENOMEM;
	return r;
}

int line_editor_open(const struct line_editor_options *options, struct line_editor **ret,
		     struct error *err)
{
	struct line_editor *editor = calloc(1, sizeof(*editor));
	int r = editor ? 0 : -ENOMEM;

	/* libedit draws characters beyond ASCII only in a locale that has them; C.UTF-8 is part of
	 * the static C library */
	if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
		(void)setlocale(LC_CTYPE, "C.UTF-8");
	if (r == 0) {
		auto_free wchar_t *prompt = NULL;

		editor->options = *options;
		r = wide_from_utf8(options->prompt, &prompt);
		if (r == 0)
			(void)swprintf(editor->prompt, PROMPT_MAX, L"%ls", prompt); /* may be cut */
		(void)swprintf(editor->more, PROMPT_MAX, L"\x2026 ");
	}
	if (r == 0) {
		editor->el = el_init("claw", stdin, stdout, stderr);
		editor->history = history_winit();
		r = editor->el && editor->history ? set_up(editor) : -ENOMEM;
	}
	if (r == 0)
		r = history_file_load(options->state_fd, on_entry, editor);
	if (r == 0)
		r = sd_event_add_io(options->event, &editor->input, STDIN_FILENO, EPOLLIN, on_input,
				    editor);
	if (r >= 0)
		r = sd_event_source_set_enabled(editor->input, SD_EVENT_OFF);
	if (r < 0) {
		line_editor_close(editor);
		return FAIL(err, r, "line editor: %s", strerror(-r));
	}
	*ret = editor;
	return 0;
}

void line_editor_close(struct line_editor *editor)
{
	if (!editor)
		return;
	sd_event_source_disable_unref(editor->input);
	if (editor->el)
		el_end(editor->el);
	if (editor->history)
		history_wend(editor->history);
	free(editor->paste);
	free(editor);
}

static void write_own(const char *text)
{
	(void)!write(STDOUT_FILENO, text,
		     strlen(text)); /* a terminal that is gone ends the input too */
}

/* One line from libedit, added to the message without its newline; *ret_more: it ends with a
 * backslash. */
static int read_line(struct line_editor *editor, struct buf *line, bool *ret_more)
{
	int length = 0;
	const wchar_t *wide = el_wgets(editor->el, &length);
	int r;

	*ret_more = false;
	if (!wide || length <= 0)
		return 0;
	if (wide[length - 1] == L'\n')
		length--;
	r = wide_to_utf8(wide, (size_t)length, line);
	if (r == 0 && line->length > 0 && line->data[line->length - 1] == '\\') {
		*ret_more = true;
		line->data[line->length - 1] = '\n';
	}
	return r < 0 ? r : 1;
}

static int keep(struct line_editor *editor, const struct buf *line)
{
	int r;

	if (strspn(buf_string(line), " \t\n") == line->length)
		return 0;
	r = on_entry(buf_string(line), editor);
	if (history_file_add(editor->options.state_fd, buf_string(line)) < 0)
		return r; /* the line itself still counts; doctor says when the state cannot be
			     written */
	return r;
}

int line_editor_read(struct line_editor *editor, struct buf *line, enum line_outcome *ret,
		     struct error *err)
{
	bool more = true;
	int r = 1;

	buf_truncate(line, 0);
	editor->cancelled = editor->ended = editor->continued = false;
	editor->reading = true;
	/* before the prompt is seen, so that no key is still read as a line by the terminal */
	(void)el_wset(editor->el, EL_PREP_TERM, 1);
	write_own(PASTE_ON);
	while (r > 0 && more) {
		r = read_line(editor, line, &more);
		editor->continued = more;
	}
	editor->reading = editor->continued = false;
	write_own(PASTE_OFF);
	if (editor->cancelled) {
		editor->n_bytes = 0;
		write_own("^C\n");
		*ret = LINE_CANCELLED;
		return 0;
	}
	if (r == 0) {
		*ret = LINE_END;
		return 0;
	}
	*ret = LINE_READ;
	if (r > 0)
		r = keep(editor, line);
	return r < 0 ? FAIL(err, r, "reading the line: %s", strerror(-r)) : 0;
}

void line_editor_cancel(struct line_editor *editor)
{
	editor->cancelled = true;
}

void line_editor_hide(struct line_editor *editor)
{
	if (editor->reading && !editor->hidden)
		write_own(LINE_ERASE);
	editor->hidden = editor->reading;
}

void line_editor_show(struct line_editor *editor)
{
	if (editor->hidden)
		(void)el_wset(editor->el, EL_REFRESH);
	editor->hidden = false;
}

void line_editor_resize(struct line_editor *editor)
{
	el_resize(editor->el);
}
