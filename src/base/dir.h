/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * dir - opening files by descriptor, never by a path that is walked twice.
 *
 * dir_open() resolves path below dir_fd with openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS): a
 * "..", an absolute path or a symbolic link that would leave dir_fd is -EXDEV. All descriptors are
 * close-on-exec. Where a cage's filter has no openat2, dir_open() follows no link at all (-ELOOP,
 * -ENOTDIR).
 */
#pragma once

#include "base/buf.h"

#include <sys/types.h>

/* flags and mode as for open(2). Returns a descriptor or -errno. */
must_check int dir_open(int dir_fd, const char *path, int flags, mode_t mode);

/* As dir_open, and a symbolic link anywhere on the way is -ELOOP. */
must_check int dir_open_nolink(int dir_fd, const char *path, int flags, mode_t mode);

/* Opens an absolute or relative path the program was configured with (not one from a peer). */
must_check int dir_open_configured(const char *path, int flags, mode_t mode);

/* Reads a whole descriptor from its start; -EMSGSIZE when it holds more than buf->max. */
must_check int dir_read_fd(int fd, struct buf *buf);
must_check int dir_read(int dir_fd, const char *path, struct buf *buf);

/* Writes path atomically: a temporary name, fsync, rename, fsync of the directory. */
must_check int dir_replace(int dir_fd, const char *path, const void *bytes, size_t length,
			   mode_t mode);

/* Writes every byte at the descriptor's position, through interruptions and short writes; -errno
 * else. */
must_check int dir_write_all(int fd, const void *bytes, size_t length);

/* A memfd with this content, sealed against every change. Returns it or -errno. */
must_check int dir_sealed_memfd(const char *name, const void *bytes, size_t length);
