/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/message-script.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/utf8.h"
#include "l7-shell/command.h"
#include "l7-shell/once.h"
#include "l7-shell/shell.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { SCRIPT_BYTES_MAX = 1024 * 1024, READ_STEP = 64 * 1024 };

/* A pipe has no start to read from. */
static int read_pipe(int fd, struct buf *text)
{
	for (;;) {
		char *at;
		int r = buf_reserve(text, READ_STEP, &at);
		ssize_t n = r < 0 ? 0 : read(fd, at, READ_STEP);

		if (r < 0)
			return r;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			buf_commit(text, (size_t)n);
	}
}

static int read_script(const char *path, struct buf *text, struct error *err)
{
	bool standard = strcmp(path, "-") == 0;
	auto_fd int fd = standard ? -1 : dir_open_configured(path, O_RDONLY, 0);
	int r = standard ? read_pipe(STDIN_FILENO, text) : fd < 0 ? fd : read_pipe(fd, text);

	if (r == -EMSGSIZE)
		return FAIL(err, r, "%s holds more than %d MiB", path,
			    SCRIPT_BYTES_MAX / (1024 * 1024));
	if (r < 0)
		return FAIL(err, r, "%s: %s", path, strerror(-r));
	if (!utf8_is_valid(buf_string(text), text->length) ||
	    strlen(buf_string(text)) != text->length)
		return FAIL(err, -EINVAL, "%s is no text in UTF-8", path);
	return 0;
}

/* The message that begins at *at, in message; *line counts the lines that were read. */
static int next_message(const char **at, unsigned *line, struct buf *message)
{
	bool more;
	int r;

	buf_truncate(message, 0);
	do {
		size_t n = strcspn(*at, "\n"), text = n > 0 && (*at)[n - 1] == '\r' ? n - 1 : n;

		more = text > 0 && (*at)[text - 1] == '\\';
		r = buf_add(message, *at, text - more);
		if (r == 0 && more)
			r = buf_add_char(message, '\n');
		*at += n + ((*at)[n] == '\n');
		++*line;
	} while (r == 0 && more && **at);
	return r;
}

int message_script_run(struct shell *shell, const char *const args[], struct error *err)
{
	auto_buf struct buf text = BUF(SCRIPT_BYTES_MAX), message = BUF(SCRIPT_BYTES_MAX);
	int r = read_script(args[0], &text, err);
	const char *at = buf_string(&text);
	unsigned line = 0;

	while (r == 0 && *at) {
		unsigned first = line + 1;
		const char *begun;

		r = next_message(&at, &line, &message);
		if (r < 0)
			return FAIL(err, r, "%s: %s", args[0], strerror(-r));
		begun = buf_string(&message) + strspn(buf_string(&message), " \t\n");
		if (*begun == '\0' || *begun == '#')
			continue;
		r = once_ask(shell, buf_string(&message), false, err);
		if (r < 0) {
			return error_prefix(err, "%s:%u", args[0], first);
		}
	}
	return r;
}
