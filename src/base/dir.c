/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/dir.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READ_STEP = 64 * 1024, RETRIES_MAX = 16 };

/* A final symbolic link that O_PATH | O_NOFOLLOW opened itself is not what was asked for. */
static int refuse_link(int fd, int flags)
{
	struct stat st;

	if (fd < 0)
		return -errno;
	if (!(flags & O_NOFOLLOW) && (fstat(fd, &st) < 0 || S_ISLNK(st.st_mode))) {
		(void)close(fd);
		return -ELOOP;
	}
	return fd;
}

/*
 * Where the system call filter of a cage takes openat2 away (its mode lies behind a pointer): one
 * name after the other, and no ".." or symbolic link anywhere, which is stricter than asked for.
 */
static int open_walked(int dir_fd, const char *path, int flags, mode_t mode)
{
	auto_fd int at = -1;

	if (path[0] == '/')
		return -EXDEV;
	for (;;) {
		size_t n = strcspn(path, "/");
		char name[NAME_MAX + 1];
		int from = at < 0 ? dir_fd : at, next;

		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = '\0';
		if (n == 0 || strcmp(name, "..") == 0)
			return n == 0 ? -ENOENT : -EXDEV;
		path += n + strspn(path + n, "/");
		if (!*path)
			return refuse_link(openat(from, name, flags | O_NOFOLLOW | O_CLOEXEC, mode),
					   flags);
		next = openat(from, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close_fd(&at);
		at = next;
	}
}

static int open_resolved(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
		.mode = (flags & (O_CREAT | __O_TMPFILE)) ? mode : 0,
		.resolve = resolve,
	};
	long fd;
	int tries = 0;

	do /* EAGAIN: a rename raced with the walk; the kernel asks to try again */
		fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < RETRIES_MAX)));
	if (fd >= 0)
		return (int)fd;
	if (errno != ENOSYS)
		return -errno;
	if (resolve & RESOLVE_BENEATH)
		return open_walked(dir_fd, path, flags, mode);
	fd = openat(dir_fd, path, flags | O_CLOEXEC, mode); /* a configured path */
	return fd < 0 ? -errno : (int)fd;
}

int dir_open(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(dir_fd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
}

int dir_open_nolink(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(dir_fd, path, flags, mode,
			     RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS);
}

int dir_open_configured(const char *path, int flags, mode_t mode)
{
	return open_resolved(AT_FDCWD, path, flags, mode, RESOLVE_NO_MAGICLINKS);
}

int dir_read_fd(int fd, struct buf *buf)
{
	off_t offset = 0;

	for (;;) {
		size_t step =
			buf->max - buf->length < READ_STEP ? buf->max - buf->length : READ_STEP;
		ssize_t n;
		char *at;
		char extra;
		int r;

		if (step == 0) {
			n = pread(fd, &extra, 1, offset);
			return n == 0 ? 0 : n < 0 ? -errno : -EMSGSIZE;
		}
		r = buf_reserve(buf, step, &at);
		if (r < 0)
			return r;
		do
			n = pread(fd, at, step, offset);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		buf_commit(buf, (size_t)n);
		offset += n;
	}
}

int dir_read(int dir_fd, const char *path, struct buf *buf)
{
	/* a FIFO that lies there is an error, not a wait */
	auto_fd int fd = dir_open(dir_fd, path, O_RDONLY | O_NONBLOCK, 0);

	return fd < 0 ? fd : dir_read_fd(fd, buf);
}

int dir_write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

static int sync_parent(int dir_fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];
	auto_fd int fd = -1;

	if (!slash)
		return fsync(dir_fd) < 0 ? -errno : 0;
	if ((size_t)(slash - path) >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	fd = dir_open(dir_fd, parent, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	return fsync(fd) < 0 ? -errno : 0;
}

int dir_replace(int dir_fd, const char *path, const void *bytes, size_t length, mode_t mode)
{
	char temporary[PATH_MAX];
	auto_fd int fd = -1;
	uint64_t salt;
	int n, r;

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		return -EIO;
	n = snprintf(temporary, sizeof(temporary), "%s.%016llx.tmp", path,
		     (unsigned long long)salt);
	if (n < 0 || (size_t)n >= sizeof(temporary))
		return -ENAMETOOLONG;
	fd = dir_open(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL, mode);
	if (fd < 0)
		return fd;
	r = dir_write_all(fd, bytes, length);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlinkat(dir_fd, temporary, 0); /* best effort: the error is already known */
		return r;
	}
	return sync_parent(dir_fd, path);
}

int dir_sealed_memfd(const char *name, const void *bytes, size_t length)
{
	auto_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return -errno;
	r = dir_write_all(fd, bytes, length);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return take_fd(&fd);
}
