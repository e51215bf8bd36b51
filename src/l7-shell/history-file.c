/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/history-file.h"

#include "base/cleanup.h"
#include "base/dir.h"

#include <fcntl.h>
#include <string.h>

enum { ENTRY_BYTES_MAX = 1024 * 1024, HISTORY_MODE = 0600 };
static const char file_name[] = "history";

static int unescape(const char *line, size_t length, struct buf *out)
{
	int r = 0;

	buf_truncate(out, 0);
	for (size_t i = 0; i < length && r == 0; i++) {
		if (line[i] == '\\' && i + 1 < length &&
		    (line[i + 1] == 'n' || line[i + 1] == '\\'))
			r = buf_add_char(out, line[++i] == 'n' ? '\n' : '\\');
		else
			r = buf_add_char(out, line[i]);
	}
	return r;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static const char *skip_lines(const char *text, size_t n)
{
	while (n-- > 0)
		text = strchr(text, '\n') + 1;
	return text;
}

/* The file's text; the older half of one that is too long to be kept is dropped. */
static int read_file(int state_fd, struct buf *text)
{
	auto_fd int fd = dir_open_nolink(state_fd, file_name, O_RDONLY, 0);
	off_t end;
	char *at;
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return -errno;
	r = buf_reserve(text, HISTORY_FILE_BYTES_MAX, &at);
	if (r < 0)
		return r;
	n = pread(fd, at, HISTORY_FILE_BYTES_MAX,
		  end > HISTORY_FILE_BYTES_MAX ? end - HISTORY_FILE_BYTES_MAX : 0);
	if (n < 0)
		return -errno;
	buf_commit(text, (size_t)n);
	if (end > HISTORY_FILE_BYTES_MAX) {
		const char *line = strchr(text->data, '\n');

		buf_consume(text, line ? (size_t)(line + 1 - text->data) : text->length);
	}
	return 0;
}

int history_file_load(int state_fd, int (*on_entry)(const char *text, void *data), void *data)
{
	auto_buf struct buf text = BUF(HISTORY_FILE_BYTES_MAX), entry = BUF(ENTRY_BYTES_MAX);
	int r = read_file(state_fd, &text);
	const char *at = buf_string(&text);
	size_t n;

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	n = count_lines(at);
	if (n > HISTORY_FILE_ENTRIES)
		at = skip_lines(at, n - HISTORY_FILE_ENTRIES);
	if (n > 2 * HISTORY_FILE_ENTRIES)
		r = dir_replace(state_fd, file_name, at, strlen(at), HISTORY_MODE);
	while (*at && r == 0) {
		size_t length = strcspn(at, "\n");

		r = unescape(at, length, &entry);
		if (r == -EMSGSIZE)
			r = 0; /* longer than a message can be: passed over */
		else if (r == 0 && entry.length > 0)
			r = on_entry(buf_string(&entry), data);
		at += length + (at[length] == '\n');
	}
	return r;
}

int history_file_add(int state_fd, const char *text)
{
	auto_buf struct buf line = BUF(2 * ENTRY_BYTES_MAX);
	auto_fd int fd =
		dir_open_nolink(state_fd, file_name, O_WRONLY | O_CREAT | O_APPEND, HISTORY_MODE);
	int r = fd < 0 ? fd : 0;

	for (; *text && r == 0; text++) {
		if (*text == '\n')
			r = buf_add_string(&line, "\\n");
		else if (*text == '\\')
			r = buf_add_string(&line, "\\\\");
		else
			r = buf_add_char(&line, *text);
	}
	if (r == 0)
		r = buf_add_char(&line, '\n');
	return r < 0 ? r : dir_write_all(fd, line.data, line.length);
}
