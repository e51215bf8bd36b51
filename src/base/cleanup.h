/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Scope-bound release.
 *
 * A variable declared with one of these attributes owns its resource until the
 * scope ends. take_fd()/TAKE_PTR() move ownership out and disarm the variable.
 * Every destructor here accepts the empty value (NULL, -1) and keeps errno.
 */
#pragma once

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define auto_free CLEANUP(free_ptr)
#define auto_fd CLEANUP(close_fd)

/* Defines free_fn##_ptr(), the CLEANUP() adaptor of a NULL-tolerant destructor. */
#define DEFINE_CLEANUP(type, free_fn) \
	static inline void free_fn##_ptr(type *p) \
	{ \
		free_fn(*p); \
	}

#define TAKE_PTR(p) \
	({ \
		__typeof__(p) taken_ = (p); \
		(p) = NULL; \
		taken_; \
	})

static inline void free_ptr(void *p)
{
	free(*(void **)p);
}

static inline void close_fd(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* EINTR on Linux: the descriptor is gone either way */
	errno = saved;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}
