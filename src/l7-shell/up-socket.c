/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Sockets in $STATE/run, reached by a directory descriptor: a socket address holds 108 bytes, a
 * path more (L7). */
#include "base/cleanup.h"
#include "l7-shell/up-internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024 }; /* all that wait for a daemon that is being replaced */

/* $run_fd/name as an address: /proc/self/fd/N/name always fits. */
static int address_of(int run_fd, const char *name, struct sockaddr_un *ret)
{
	int n;

	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", run_fd, name);
	return n < 0 || (size_t)n >= sizeof(ret->sun_path) ? -ENAMETOOLONG : 0;
}

/* A socket and the address of this name; what is wrong is said. */
static int open_socket(int run_fd, const char *name, int type, struct sockaddr_un *ret,
		       struct error *err)
{
	int r = address_of(run_fd, name, ret), fd;

	if (r < 0)
		return FAIL(err, r, "socket name %s is too long", name);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	return fd < 0 ? FAIL(err, -errno, "socket: %m") : fd;
}

int up_socket_bind(int run_fd, const char *name, int type, struct error *err)
{
	struct sockaddr_un address;
	auto_fd int fd = open_socket(run_fd, name, type | SOCK_NONBLOCK, &address, err);

	if (fd < 0)
		return fd;
	if (unlinkat(run_fd, name, 0) < 0 && errno != ENOENT)
		return FAIL(err, -errno, "remove the old socket %s: %m", name);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return FAIL(err, -errno, "bind %s: %m", name);
	/* The folder is the person's alone; daemons see only the sockets bound into their root. */
	if (fchmodat(run_fd, name, 0666, 0) < 0)
		return FAIL(err, -errno, "mode of %s: %m", name);
	if (type != SOCK_DGRAM && listen(fd, BACKLOG) < 0)
		return FAIL(err, -errno, "listen on %s: %m", name);
	return take_fd(&fd);
}

int up_socket_connect(int run_fd, const char *name, int type, struct error *err)
{
	struct sockaddr_un address;
	auto_fd int fd = open_socket(run_fd, name, type, &address, err);

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return FAIL(err, -errno, "connect to %s: %m", name);
	return take_fd(&fd);
}
