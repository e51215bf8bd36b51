/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/sandbox-peer.h"

#include "base/cleanup.h"
#include "l7-shell/link.h"
#include "l7-shell/sanitise.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { ANSWER_LIMIT_S = 20 };

static int send_request(int fd, const struct launch_request *request, int pass_fd,
			struct error *err)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct launch_request copy = *request;
	struct iovec part = { .iov_base = &copy, .iov_len = sizeof(copy) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (pass_fd >= 0) {
		struct cmsghdr *head;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(head), &pass_fd, sizeof(int));
	}
	if (sendmsg(fd, &message, MSG_NOSIGNAL) != (ssize_t)sizeof(copy))
		return FAIL(err, -errno, "claw-sandboxd does not take the request: %s",
			    strerror(errno));
	return 0;
}

/* One request, one answer; the connection is closed afterwards. */
static int ask(int run_fd, const struct launch_request *request, int pass_fd,
	       union launch_reply *ret, struct error *err)
{
	auto_fd int fd = link_connect(run_fd, "sandbox", SOCK_SEQPACKET, err);
	const struct timeval limit = { .tv_sec = ANSWER_LIMIT_S };
	ssize_t n;
	int r;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
		return FAIL(err, -errno, "socket: %s", strerror(errno));
	r = send_request(fd, request, pass_fd, err);
	if (r < 0)
		return r;
	do
		n = recv(fd, ret, sizeof(*ret), MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return FAIL(err, -ETIMEDOUT, "claw-sandboxd did not answer in %d s",
			    ANSWER_LIMIT_S);
	if (n <= 0)
		return FAIL(err, n < 0 ? -errno : -ECONNRESET,
			    "claw-sandboxd closed the connection");
	return launch_reply_decode(ret, (size_t)n, ret, err);
}

static int ask_done(int run_fd, const struct launch_request *request, int pass_fd,
		    struct error *err)
{
	union launch_reply reply;
	int r = ask(run_fd, request, pass_fd, &reply, err);

	if (r < 0)
		return r;
	if (reply.answer.kind == LAUNCH_ANSWER_REFUSED)
		return FAIL(err, reply.answer.error > 0 ? -reply.answer.error : -EIO,
			    "claw-sandboxd refused (%s): %s",
			    launch_stage_name((enum launch_stage)reply.answer.stage),
			    reply.answer.text);
	if (reply.answer.kind != LAUNCH_ANSWER_DONE)
		return FAIL(err, -EPROTO, "claw-sandboxd gave another answer than asked for");
	return 0;
}

int sandbox_peer_workspace(int run_fd, uint32_t number, int dir_fd, bool writable,
			   struct error *err)
{
	const struct launch_request request = {
		.version = LAUNCH_VERSION,
		.verb = LAUNCH_VERB_WORKSPACE,
		.id = number,
		.mode = writable ? LAUNCH_MODE_WRITABLE : LAUNCH_MODE_READ_ONLY,
	};

	return ask_done(run_fd, &request, dir_fd, err);
}

int sandbox_peer_stop(int run_fd, struct error *err)
{
	const struct launch_request request = { .version = LAUNCH_VERSION,
						.verb = LAUNCH_VERB_STOP };

	return ask_done(run_fd, &request, -1, err);
}

int sandbox_peer_status(int run_fd, struct launch_status *ret, struct error *err)
{
	const struct launch_request request = { .version = LAUNCH_VERSION,
						.verb = LAUNCH_VERB_STATUS };
	union launch_reply reply;
	int r = ask(run_fd, &request, -1, &reply, err);

	if (r < 0)
		return r;
	if (reply.answer.kind != LAUNCH_ANSWER_STATUS)
		return FAIL(err, -EPROTO, "claw-sandboxd gave another answer than asked for");
	*ret = reply.status;
	return 0;
}
