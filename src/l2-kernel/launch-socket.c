/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/launch-socket.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

int launch_socket_connect(int dir_fd, const char *path, int flags, struct error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | flags, 0);
	int n;

	if (fd < 0)
		return FAIL(err, -errno, "socket: %m");
	if (dir_fd == AT_FDCWD)
		n = snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	else /* an address has 108 bytes, the state may have a long name */
		n = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s",
			     dir_fd, path);
	if (n < 0 || (size_t)n >= sizeof(address.sun_path))
		return FAIL(err, -ENAMETOOLONG, "socket %s: its name is too long", path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return FAIL(err, -errno, "claw-sandboxd does not answer on %s: %m", path);
	return take_fd(&fd);
}

int launch_socket_send(int socket_fd, int flags, struct launch_request *rq, int fd,
		       struct error *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = rq, .iov_len = sizeof(*rq) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	rq->version = LAUNCH_VERSION;
	if (fd >= 0) {
		struct cmsghdr *cmsg;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	}
	do
		n = sendmsg(socket_fd, &message, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return FAIL(err, -errno, "request to claw-sandboxd: %m");
	return 0;
}

int launch_socket_receive(int socket_fd, int flags, union launch_reply *ret, struct error *err)
{
	char bytes[sizeof(union launch_reply)];
	ssize_t n;

	do
		n = recv(socket_fd, bytes, sizeof(bytes), flags | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return FAIL(err, -errno, "answer of claw-sandboxd: %m");
	if (n == 0)
		return FAIL(err, -ECONNRESET, "claw-sandboxd closed the connection");
	return launch_reply_decode(bytes, (size_t)n, ret, err);
}
