/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/message-gate.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { CHUNK_BYTES = 32 * 1024, FDS_MAX = 253 /* SCM_MAX_FD */ };
enum { CLIENT, SERVER, SIDES };

/* What came in one piece; its descriptors go with its first byte. */
struct chunk {
	size_t length, sent;
	int fds[FDS_MAX];
	size_t n_fds;
	char bytes[CHUNK_BYTES];
};

struct side {
	struct message_gate *gate;
	int fd;
	sd_event_source *source;
	struct chunk *waiting; /* what it has not taken yet */
	bool ended;            /* it sends no more */
};

struct message_gate {
	struct message_gate *next, *previous;
	struct message_gates *gates;
	struct side sides[SIDES];
	size_t bytes_max, begun; /* begun: bytes of a message whose end has not come */
};

static void close_fds(struct chunk *chunk)
{
	for (size_t i = 0; i < chunk->n_fds; i++)
		close_fd(&chunk->fds[i]);
	chunk->n_fds = 0;
}

static void free_gate(struct message_gate *gate)
{
	if (!gate)
		return;
	if (gate->previous)
		gate->previous->next = gate->next;
	else if (gate->gates)
		gate->gates->first = gate->next;
	if (gate->next)
		gate->next->previous = gate->previous;
	for (int i = 0; i < SIDES; i++) {
		if (gate->sides[i].waiting)
			close_fds(gate->sides[i].waiting);
		free(gate->sides[i].waiting);
		sd_event_source_disable_unref(gate->sides[i].source);
		close_fd(&gate->sides[i].fd);
	}
	free(gate);
}
DEFINE_CLEANUP(struct message_gate *, free_gate)

static int take_fds(struct msghdr *message, struct chunk *chunk)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
		    n > FDS_MAX - chunk->n_fds)
			continue;
		memcpy(chunk->fds + chunk->n_fds, CMSG_DATA(c), n * sizeof(int));
		chunk->n_fds += n;
	}
	return message->msg_flags & MSG_CTRUNC ? -EMSGSIZE : 0;
}

/* 0 at the end of the stream. */
static ssize_t receive(int fd, struct chunk *chunk)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec part = { chunk->bytes, sizeof(chunk->bytes) };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int r;

	if (n < 0)
		return -errno;
	chunk->length = (size_t)n;
	r = take_fds(&message, chunk);
	return r < 0 ? r : n;
}

/* 0 when all is sent, 1 when the rest has to wait. */
static int send_rest(int fd, struct chunk *chunk)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control = { 0 };

	while (chunk->sent < chunk->length) {
		struct iovec part = { chunk->bytes + chunk->sent, chunk->length - chunk->sent };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
		ssize_t n;

		if (chunk->n_fds > 0) {
			control.head =
				(struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * chunk->n_fds),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS };
			memcpy(CMSG_DATA(&control.head), chunk->fds, sizeof(int) * chunk->n_fds);
			message.msg_control = &control;
			message.msg_controllen = CMSG_SPACE(sizeof(int) * chunk->n_fds);
		}
		n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 1 : -errno;
		close_fds(chunk);
		chunk->sent += (size_t)n;
	}
	return 0;
}

static bool is_too_long(struct message_gate *gate, const struct chunk *chunk)
{
	const char *at = chunk->bytes, *end = at + chunk->length;

	while (at < end) {
		const char *nul = memchr(at, '\0', (size_t)(end - at));

		gate->begun += (size_t)((nul ? nul : end) - at);
		if (gate->begun > gate->bytes_max)
			return true;
		if (!nul)
			break;
		gate->begun = 0;
		at = nul + 1;
	}
	return false;
}

/* What is waited for: input while the other side takes it, room for what waits. */
static void set_events(struct message_gate *gate)
{
	for (int i = 0; i < SIDES; i++) {
		const struct side *side = &gate->sides[i], *other = &gate->sides[!i];
		uint32_t events = (!side->ended && !other->waiting ? EPOLLIN : 0) |
				  (side->waiting ? EPOLLOUT : 0);

		(void)sd_event_source_set_io_events(side->source, events);
		(void)sd_event_source_set_enabled(side->source, SD_EVENT_ON);
	}
}

static int keep(struct side *side, const struct chunk *chunk)
{
	side->waiting = malloc(sizeof(*side->waiting));
	if (!side->waiting)
		return -ENOMEM;
	memcpy(side->waiting, chunk, sizeof(*chunk));
	return 0;
}

/* 1 at the end of the stream; less than 0: the gate has to be closed. */
static int pass_one(struct message_gate *gate, struct side *from, struct side *to)
{
	struct chunk chunk; /* only what is used of it is written */
	ssize_t n;
	int r;

	chunk.sent = chunk.n_fds = 0;
	n = receive(from->fd, &chunk);
	if (n == -EAGAIN || n == -EINTR)
		return 0;
	r = n < 0 ? (int)n : 0;
	if (r == 0 && from == &gate->sides[CLIENT] && is_too_long(gate, &chunk)) {
		log_warning("a message of more than %zu bytes: its connection is closed",
			    gate->bytes_max);
		r = -EMSGSIZE;
	}
	if (r == 0)
		r = send_rest(to->fd, &chunk);
	if (r > 0)
		r = keep(to, &chunk);
	if (r < 0)
		close_fds(&chunk);
	return r < 0 ? r : n == 0;
}

static int flush(struct side *side)
{
	int r = side->waiting ? send_rest(side->fd, side->waiting) : 0;

	if (r == 0)
		free(TAKE_PTR(side->waiting));
	return r < 0 ? r : 0;
}

/* Less than 0: there is nothing left to pass on. */
static int on_events(struct message_gate *gate, struct side *side, struct side *other,
		     uint32_t events)
{
	bool is_client = side == &gate->sides[CLIENT], is_gone = events & (EPOLLHUP | EPOLLERR);
	int r = events & EPOLLOUT ? flush(side) : 0;

	if (r < 0)
		return r;
	if (!side->ended && !other->waiting && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		r = pass_one(gate, side, other);
		if (r > 0 && is_client)
			(void)shutdown(other->fd, SHUT_WR);
		if (r < 0 || (r > 0 && !is_client))
			return -EPIPE;
		side->ended = r > 0;
	}
	if (is_gone && is_client && (side->ended || other->waiting))
		return -EPIPE;
	set_events(gate);
	if (is_gone && other->waiting) /* the rest first; being gone is reported without end */
		(void)sd_event_source_set_enabled(side->source, SD_EVENT_OFF);
	return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct side *side = userdata;
	struct message_gate *gate = side->gate;
	struct side *other = &gate->sides[side == &gate->sides[CLIENT] ? SERVER : CLIENT];

	(void)source;
	(void)fd;
	if (on_events(gate, side, other, events) < 0)
		free_gate(gate);
	return 0;
}

static int watch(struct message_gate *gate, sd_event *event)
{
	int r = 0;

	for (int i = 0; i < SIDES && r >= 0; i++) {
		struct side *side = &gate->sides[i];

		side->gate = gate;
		r = sd_event_add_io(event, &side->source, side->fd, EPOLLIN, on_io, side);
	}
	return r;
}

int message_gate_add(struct message_gates *gates, sd_event *event, int fd, size_t bytes_max,
		     int *ret_fd)
{
	CLEANUP(free_gate_ptr) struct message_gate *gate = calloc(1, sizeof(*gate));
	int pair[2], r;

	if (!gate)
		return -ENOMEM;
	gate->sides[CLIENT].fd = gate->sides[SERVER].fd = -1;
	gate->bytes_max = bytes_max;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	gate->sides[CLIENT].fd = fd;
	gate->sides[SERVER].fd = pair[0];
	r = watch(gate, event);
	if (r < 0) {
		(void)close(pair[1]);
		sd_event_source_disable_unref(TAKE_PTR(gate->sides[CLIENT].source));
		gate->sides[CLIENT].fd = -1; /* the caller's */
		return r;
	}
	gate->gates = gates;
	gate->next = gates->first;
	if (gate->next)
		gate->next->previous = gate;
	gates->first = TAKE_PTR(gate);
	*ret_fd = pair[1];
	return 0;
}
