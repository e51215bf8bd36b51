/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/cage-owner.h"

#include "base/cleanup.h"
#include "l2-kernel/launch-socket.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { ANSWER_S = 10 }; /* the slowest takes apart the cages of a whole machine */

int cage_owner_connect(int dir_fd, const char *path, struct error *err)
{
	const struct timeval limit = { .tv_sec = ANSWER_S };
	auto_fd int fd = launch_socket_connect(dir_fd, path, 0, err);

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return FAIL(err, -errno, "time limit of a socket: %m");
	return take_fd(&fd);
}

static int receive(int socket_fd, union launch_reply *ret, struct error *err)
{
	int r = launch_socket_receive(socket_fd, 0, ret, err);

	return r == -EAGAIN ? FAIL(err, -ETIMEDOUT, "claw-sandboxd does not answer within %d s",
				   ANSWER_S)
			    : r;
}

static int await_done(int socket_fd, struct error *err)
{
	union launch_reply reply;
	int r = receive(socket_fd, &reply, err);

	if (r < 0)
		return r;
	if (reply.answer.kind == LAUNCH_ANSWER_REFUSED)
		return FAIL(err, -reply.answer.error, "%s", reply.answer.text);
	if (reply.answer.kind != LAUNCH_ANSWER_DONE)
		return FAIL(err, -EPROTO, "answer %u of claw-sandboxd was not asked for",
			    reply.answer.kind);
	return 0;
}

int cage_owner_workspace(int socket_fd, uint32_t id, int directory_fd, enum launch_mode mode,
			 struct error *err)
{
	struct launch_request rq = { .verb = LAUNCH_VERB_WORKSPACE, .id = id, .mode = mode };
	auto_fd int clone_fd = -1;
	int r, fd = -1;

	if (mode != LAUNCH_MODE_NONE) {
		clone_fd = open_tree(directory_fd, "",
				     OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
		fd = clone_fd >= 0 ? clone_fd : directory_fd; /* claw-sandboxd judges it */
	}
	r = launch_socket_send(socket_fd, 0, &rq, fd, err);
	return r < 0 ? r : await_done(socket_fd, err);
}

int cage_owner_stop(int socket_fd, struct error *err)
{
	struct launch_request rq = { .verb = LAUNCH_VERB_STOP };
	int r = launch_socket_send(socket_fd, 0, &rq, -1, err);

	return r < 0 ? r : await_done(socket_fd, err);
}

int cage_owner_status(int socket_fd, struct launch_status *ret, struct error *err)
{
	struct launch_request rq = { .verb = LAUNCH_VERB_STATUS };
	union launch_reply reply = { 0 };
	int r = launch_socket_send(socket_fd, 0, &rq, -1, err);

	if (r == 0)
		r = receive(socket_fd, &reply, err);
	if (r < 0)
		return r;
	if (reply.status.kind != LAUNCH_ANSWER_STATUS)
		return FAIL(err, -EPROTO, "answer %u of claw-sandboxd was not asked for",
			    reply.status.kind);
	*ret = reply.status;
	return 0;
}
