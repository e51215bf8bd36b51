/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/write-file.h"

#include "base/cleanup.h"
#include "base/dir.h"

#include <inttypes.h>
#include <sys/random.h>

enum { CONTENT_BYTES_MAX = 5 * 1024 * 1024, LINKS_MAX = 8, NEW_MODE = 0644, DIR_MODE = 0755 };

/* The directory of path, made where it is missing; *ret_name is the part behind it. */
static int open_parent(const struct call *call, const char *path, bool make, struct reply *reply,
		       const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	int fd;

	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return dir_open(call->workspace_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	fd = dir_open(call->workspace_fd, parent, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT && make) {
		const char *name;
		auto_fd int upper = open_parent(call, parent, true, reply, &name);

		if (upper < 0)
			return upper; /* said already when it says anything */
		if (mkdirat(upper, name, DIR_MODE) < 0 && errno != EEXIST)
			return workspace_fail(call, parent, "make the directory", -errno, reply);
		fd = dir_open(call->workspace_fd, parent, O_RDONLY | O_DIRECTORY, 0);
	}
	return fd < 0 ? workspace_fail(call, path, "write", fd, reply) : fd;
}

/* Puts where the link at path leads into path, relative to the workspace. */
static int follow(const struct call *call, int parent_fd, const char *name,
		  struct workspace_path *path, struct reply *reply)
{
	char target[PATH_MAX], joined[2 * PATH_MAX];
	ssize_t n = readlinkat(parent_fd, name, target, sizeof(target) - 1);
	int parent_length = (int)(strlen(path->text) - strlen(name));

	if (n < 0)
		return workspace_fail(call, path->text, "write", -errno, reply);
	target[n] = '\0';
	if (target[0] == '/')
		return workspace_path(call, target, reply, path);
	(void)snprintf(joined, sizeof(joined), "%.*s%s", parent_length, path->text, target);
	return workspace_path(call, joined, reply, path);
}

/* What is there and cannot become the file: 0 when it can. */
static int refuse_existing(const struct call *call, int parent_fd, const char *name,
			   const struct write_file *file, const char *given, struct reply *reply)
{
	if (S_ISDIR(file->before.st_mode))
		return reply_fail(reply, -EISDIR, "\"%s\" is a directory", given);
	if (!S_ISREG(file->before.st_mode))
		return reply_fail(reply, -EINVAL, "\"%s\" is not a regular file", given);
	if (faccessat(parent_fd, name, W_OK, 0) < 0)
		return workspace_fail(call, file->path.text, "write", -errno, reply);
	return 0;
}

int write_file_find(const struct call *call, const char *path, bool make_parents,
		    struct reply *reply, struct write_file *ret)
{
	struct write_file file = { 0 };
	int r = workspace_path(call, path, reply, &file.path);

	if (r < 0)
		return r;
	for (int links = 0; links < LINKS_MAX; links++) {
		auto_fd int parent = -1;
		const char *name;

		if (strcmp(file.path.text, ".") == 0)
			return reply_fail(reply, -EISDIR,
					  "\"%s\" is the workspace itself, not a file", path);
		parent = open_parent(call, file.path.text, make_parents, reply, &name);
		if (parent < 0)
			return parent;
		if (strcmp(name, "..") == 0)
			return reply_fail(reply, -EISDIR, "\"%s\" is a directory", path);
		file.existed = fstatat(parent, name, &file.before, AT_SYMLINK_NOFOLLOW) == 0;
		if (!file.existed && errno != ENOENT)
			return workspace_fail(call, file.path.text, "write", -errno, reply);
		if (file.existed && S_ISLNK(file.before.st_mode)) {
			r = follow(call, parent, name, &file.path, reply);
			if (r < 0)
				return r;
			continue;
		}
		r = file.existed ? refuse_existing(call, parent, name, &file, path, reply) : 0;
		if (r < 0)
			return r;
		*ret = file;
		return 0;
	}
	return workspace_fail(call, path, "write", -ELOOP, reply);
}

/* Writes, syncs and renames inside the opened directory. */
static int replace(int parent_fd, const char *name, const struct write_file *file,
		   const void *bytes, size_t length)
{
	mode_t mode = file->existed ? file->before.st_mode & 07777 : NEW_MODE;
	char temporary[64];
	auto_fd int fd = -1;
	uint64_t salt;
	int r;

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		return -EIO;
	(void)snprintf(temporary, sizeof(temporary), ".%016" PRIx64 ".tmp", salt);
	fd = dir_open(parent_fd, temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return fd;
	r = dir_write_all(fd, bytes, length);
	/* The umask took bits from a kept mode; without them where the owner may not set them. */
	if (r == 0 && file->existed && fchmod(fd, mode) < 0 && errno != EPERM)
		r = -errno;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(parent_fd, temporary, parent_fd, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(parent_fd, temporary,
			       0); /* best effort: the error is already known */
	return r;
}

int write_file_replace(const struct call *call, const struct write_file *file, const void *bytes,
		       size_t length, struct reply *reply)
{
	const char *name;
	auto_fd int parent = open_parent(call, file->path.text, false, reply, &name);
	int r;

	if (parent < 0)
		return parent;
	r = replace(parent, name, file, bytes, length);
	if (r < 0)
		return workspace_fail(call, file->path.text, "write", r, reply);
	if (fsync(parent) < 0)
		return workspace_fail(call, file->path.text, "write", -errno, reply);
	reply->bytes = (int64_t)length;
	reply->files = 1;
	return 0;
}

static uint64_t count_lines(const char *text, size_t length)
{
	uint64_t n = 0;

	for (const char *at = text; (at = memchr(at, '\n', length - (size_t)(at - text))); at++)
		n++;
	return n + (length > 0 && text[length - 1] != '\n');
}

int tool_write_file(const struct call *call, struct reply *reply)
{
	const char *given, *content;
	struct write_file file;
	size_t length;
	uint64_t lines;
	int r = call_string(call, "path", NULL, reply, &given);

	if (r == 0)
		r = call_string(call, "content", NULL, reply, &content);
	if (r != 0)
		return r;
	length = strlen(content);
	if (length > CONTENT_BYTES_MAX)
		return reply_fail(reply, -EFBIG,
				  "the content has %zu bytes; write_file takes at most %d", length,
				  CONTENT_BYTES_MAX);
	if (given[0] != '\0' && given[strlen(given) - 1] == '/')
		return reply_fail(reply, -EISDIR, "\"%s\" names a directory, not a file", given);
	r = write_file_find(call, given, true, reply, &file);
	if (r == 0)
		r = write_file_replace(call, &file, content, length, reply);
	if (r < 0)
		return r;
	lines = count_lines(content, length);
	r = buf_printf(&reply->content, "%s %s: %" PRIu64 " line%s, %zu bytes",
		       file.existed ? "replaced" : "created", file.path.text, lines,
		       lines == 1 ? "" : "s", length);
	if (r == 0 && file.existed)
		r = buf_printf(&reply->content, " (was %" PRId64 " bytes)",
			       (int64_t)file.before.st_size);
	return r;
}
