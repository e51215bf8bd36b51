/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/workspace.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/nearest.h"
#include "l5-wasm/dir-names.h"

#include <assert.h>
#include <inttypes.h>

#define WORKSPACE_MOUNT "/workspace"

enum { NAMES_MAX = 4096, SHOWN_PATH_BYTES = 200 };

/* Removes "./" in front, repeated slashes and a slash at the end. */
static size_t tidy(const char *from, char *to, size_t size)
{
	size_t n = 0;

	for (; *from != '\0'; from++) {
		bool at_start = n == 0 || to[n - 1] == '/';

		if (at_start && *from == '/')
			continue;
		if (at_start && from[0] == '.' && (from[1] == '/' || from[1] == '\0')) {
			from += from[1] == '/';
			continue;
		}
		if (n + 1 >= size)
			return size;
		to[n++] = *from;
	}
	while (n > 0 && to[n - 1] == '/')
		n--;
	if (n == 0)
		to[n++] = '.';
	to[n] = '\0';
	return n;
}

static bool exists(const struct call *call, const char *path)
{
	auto_fd int fd = dir_open(call->workspace_fd, path, O_PATH, 0);

	return fd >= 0;
}

int workspace_path(const struct call *call, const char *given, struct reply *reply,
		   struct workspace_path *ret)
{
	const size_t n_mount = sizeof(WORKSPACE_MOUNT) - 1;
	const char *inner = given;
	bool is_foreign = false;

	if (given[0] == '~')
		return reply_fail(
			reply, -EINVAL,
			"\"%.*s\": there is no home directory here. Paths are relative to "
			"the workspace, e.g. \"src/main.c\"",
			SHOWN_PATH_BYTES, given);
	if (strncmp(given, WORKSPACE_MOUNT, n_mount) == 0 &&
	    (given[n_mount] == '/' || given[n_mount] == '\0'))
		inner = given + n_mount;
	else if (given[0] == '/')
		is_foreign = true;
	if (tidy(inner, ret->text, sizeof(ret->text)) >= sizeof(ret->text))
		return reply_fail(reply, -ENAMETOOLONG, "the path is longer than %zu bytes",
				  sizeof(ret->text) - 1);
	if (!is_foreign)
		return 0;
	if (strcmp(ret->text, ".") != 0 && exists(call, ret->text))
		return reply_fail(reply, -EXDEV,
				  "\"%.*s\" is outside the workspace. Did you mean \"%s\"?",
				  SHOWN_PATH_BYTES, given, ret->text);
	return reply_fail(reply, -EXDEV,
			  "\"%.*s\" is outside the workspace. Paths are relative to it, e.g. "
			  "\"src/main.c\", and \".\" is the workspace",
			  SHOWN_PATH_BYTES, given);
}

/* Splits path at its last slash; parent is "." when there is none. */
static const char *split(const char *path, char parent[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 1;

	memcpy(parent, slash ? path : ".", n);
	parent[n] = '\0';
	return slash ? slash + 1 : path;
}

/* The longest existing directory in front of a path that does not exist. */
static int fail_missing(const struct call *call, const char *path, struct reply *reply)
{
	CLEANUP(dir_names_fini) struct dir_names names = { 0 };
	char parent[PATH_MAX], upper[PATH_MAX];
	const char *name = split(path, parent), *near = NULL;
	auto_fd int fd = dir_open(call->workspace_fd, parent, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -ENOENT) {
		while (fd == -ENOENT && strcmp(parent, ".") != 0) {
			memcpy(upper, parent, sizeof(upper));
			name = split(upper, parent);
			fd = dir_open(call->workspace_fd, parent, O_RDONLY | O_DIRECTORY, 0);
		}
		if (fd >= 0 && dir_names_read(fd, NAMES_MAX, &names) >= 0)
			near = nearest_name(name, names.names, names.count);
		return reply_fail(reply, -ENOENT,
				  "there is no \"%s\": the directory \"%s\" does not exist%s%s%s",
				  path, upper, near ? ". Did you mean \"" : "", near ? near : "",
				  near ? "\"?" : "");
	}
	if (fd >= 0 && dir_names_read(fd, NAMES_MAX, &names) >= 0)
		near = nearest_name(name, names.names, names.count);
	if (near && strcmp(parent, ".") != 0)
		return reply_fail(reply, -ENOENT,
				  "there is no file \"%s\". Did you mean \"%s/%s\"?", path, parent,
				  near);
	if (near)
		return reply_fail(reply, -ENOENT, "there is no file \"%s\". Did you mean \"%s\"?",
				  path, near);
	return reply_fail(reply, -ENOENT,
			  "there is no file \"%s\". list_dir or glob show what there is", path);
}

int workspace_fail(const struct call *call, const char *path, const char *verb, int code,
		   struct reply *reply)
{
	switch (-code) {
	case ENOENT:
		return fail_missing(call, path, reply);
	case ENOTDIR:
		return reply_fail(reply, code,
				  "\"%s\": a part of the path is a file, not a directory", path);
	case EXDEV:
		return reply_fail(reply, code, "\"%s\" leads out of the workspace", path);
	case ELOOP:
		return reply_fail(reply, code, "\"%s\" is a symbolic link that leads nowhere",
				  path);
	case EISDIR:
		return reply_fail(reply, code, "\"%s\" is a directory", path);
	case EROFS:
		return reply_fail(
			reply, code,
			"cannot %s \"%s\": the workspace is read-only here. The person can "
			"allow changes (--allow write)",
			verb, path);
	case EACCES:
	case EPERM:
		return reply_fail(reply, code, "cannot %s \"%s\": its permissions do not allow it",
				  verb, path);
	case ENOSPC:
	case EDQUOT:
		return reply_fail(reply, code, "cannot %s \"%s\": no space is left", verb, path);
	default:
		return reply_fail(reply, code, "cannot %s \"%s\": %s", verb, path, strerror(-code));
	}
}

int workspace_open(const struct call *call, const char *path, int flags, struct reply *reply)
{
	/* openat2 refuses flags that O_PATH does not have */
	int more = flags & O_PATH ? 0 : O_NONBLOCK | O_NOCTTY;
	int fd = dir_open(call->workspace_fd, path, flags | more, 0);

	return fd < 0 ? workspace_fail(call, path, "open", fd, reply) : fd;
}

static const char *kind_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "not a regular file";
	}
}

int workspace_open_file(const struct call *call, const char *path, struct reply *reply,
			struct stat *ret_stat)
{
	/* Looked at before it is opened for reading: opening a device can have effects. */
	auto_fd int look = workspace_open(call, path, O_PATH, reply);
	auto_fd int fd = -1;

	if (look < 0)
		return look;
	if (fstat(look, ret_stat) < 0)
		return workspace_fail(call, path, "read", -errno, reply);
	if (S_ISDIR(ret_stat->st_mode))
		return reply_fail(reply, -EISDIR, "\"%s\" is a directory: use list_dir", path);
	if (!S_ISREG(ret_stat->st_mode))
		return reply_fail(reply, -EINVAL, "\"%s\" is %s: it cannot be read as a file", path,
				  kind_name(ret_stat->st_mode));
	fd = workspace_open(call, path, O_RDONLY, reply);
	if (fd < 0)
		return fd;
	if (fstat(fd, ret_stat) < 0 || !S_ISREG(ret_stat->st_mode))
		return reply_fail(reply, -EAGAIN, "\"%s\" changed while it was opened", path);
	return take_fd(&fd);
}

int workspace_open_dir(const struct call *call, const char *path, struct reply *reply)
{
	int fd = dir_open(call->workspace_fd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	auto_fd int look = -1;
	struct stat st;

	if (fd == -ENOTDIR)
		look = dir_open(call->workspace_fd, path, O_PATH, 0);
	if (look >= 0 && fstat(look, &st) == 0 && S_ISREG(st.st_mode))
		return reply_fail(reply, fd, "\"%s\" is a file of %" PRId64 " bytes: use read_file",
				  path, (int64_t)st.st_size);
	return fd < 0 ? workspace_fail(call, path, "list", fd, reply) : fd;
}

void workspace_put_size(int64_t bytes, char to[WORKSPACE_SIZE_BYTES])
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	const double step = 1000;
	double size = (double)bytes;
	size_t unit = 0;

	if (size < step) {
		(void)snprintf(to, WORKSPACE_SIZE_BYTES, "%" PRId64 " B", bytes);
		return;
	}
	for (size /= step; size >= step && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		size /= step;
	(void)snprintf(to, WORKSPACE_SIZE_BYTES, "%.1f %s", size, units[unit]);
}
