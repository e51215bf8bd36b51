/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/attach.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/tool-line.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 64 * 1024 * 1024 };

/* A pipe or a device would have to be waited for. */
static int open_file(const char *path, int *ret, struct error *err)
{
	auto_fd int fd = dir_open_configured(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0)
		return FAIL(err, fd, "%s: %s", path, strerror(-fd));
	if (fstat(fd, &st) < 0)
		return FAIL(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return FAIL(err, -EINVAL, "%s is no file", path);
	*ret = take_fd(&fd);
	return 0;
}

static int copy(const char *path, struct attached_path *ret, struct error *err)
{
	auto_buf struct buf bytes = BUF(FILE_BYTES_MAX);
	const char *slash = strrchr(path, '/');
	auto_fd int fd = -1;
	int r = open_file(path, &fd, err);

	if (r < 0)
		return r;
	r = dir_read_fd(fd, &bytes);
	if (r < 0)
		return FAIL(err, r, "%s cannot be attached: %s", path,
			    r == -EMSGSIZE ? "it is larger than 64 MiB" : strerror(-r));
	ret->bytes = bytes.length;
	ret->name = strdup(slash ? slash + 1 : path);
	if (!ret->name)
		return FAIL(err, -ENOMEM, "out of memory");
	ret->fd = dir_sealed_memfd("attachment", buf_string(&bytes), bytes.length);
	if (ret->fd >= 0)
		return 0;
	free(ret->name);
	return FAIL(err, ret->fd, "keeping %s: %s", path, strerror(-ret->fd));
}

int attach_add(struct attachments *attachments, const char *path, struct error *err)
{
	const char *home = strncmp(path, "~/", 2) == 0 ? getenv("HOME") : NULL;
	auto_buf struct buf whole = BUF(PATH_MAX);
	int r;

	if (attachments->n == ATTACH_MAX)
		return FAIL(err, -E2BIG, "more than %d files go with one message", ATTACH_MAX);
	r = home ? buf_printf(&whole, "%s%s", home, path + 1) : buf_add_string(&whole, path);
	if (r < 0)
		return FAIL(err, r, "%s: %s", path, strerror(-r));
	r = copy(buf_string(&whole), &attachments->files[attachments->n], err);
	if (r >= 0)
		attachments->n++;
	return r;
}

void attach_drop(struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->n; i++) {
		free(attachments->files[i].name);
		close_fd(&attachments->files[i].fd);
	}
	attachments->n = 0;
}

void attach_tell(const struct attachments *attachments, struct screen *out)
{
	char size[TOOL_LINE_SPAN_BYTES];

	for (size_t i = 0; i < attachments->n; i++) {
		tool_line_size(attachments->files[i].bytes, size);
		screen_foreign(out, STYLE_PLAIN, attachments->files[i].name, 0);
		screen_own(out, STYLE_DIM, " %s\n", size);
	}
}
