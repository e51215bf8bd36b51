/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Connections to claw-sandboxd: one record in, one act, one record out (L2). */
#include "base/cleanup.h"
#include "base/log.h"
#include "l2-kernel/landlock.h"
#include "l2-kernel/sandbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { RECORDS_PER_WAKE = 16 };

struct sandbox_link {
	struct sandbox *sandbox;
	struct sandbox_link *next;
	sd_event_source *source;
	int fd;
	uid_t uid;
	unsigned peer;     /* enum launch_peer */
	uint32_t stopping; /* cages its STOP waits for */
	bool broken;       /* its end is an event that is on its way */
};

static void send_record(struct sandbox_link *link, const void *record, size_t size)
{
	if (link->broken ||
	    send(link->fd, record, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size)
		return;
	link->broken = true; /* full or gone: the hang-up makes on_record() close it */
	(void)shutdown(link->fd, SHUT_RDWR);
}

void sandbox_link_answer(struct sandbox_link *link, const struct launch_answer *answer)
{
	struct launch_answer stamped = *answer;

	stamped.version = LAUNCH_VERSION;
	send_record(link, &stamped, sizeof(stamped));
}

static void answer_done(struct sandbox_link *link, uint32_t id)
{
	sandbox_link_answer(link, &(struct launch_answer){ .kind = LAUNCH_ANSWER_DONE, .id = id });
}

void sandbox_link_stopped(struct sandbox *sandbox)
{
	for (struct sandbox_link *link = sandbox->links; link; link = link->next)
		if (link->stopping > 0) {
			link->stopping--;
			if (link->stopping == 0)
				answer_done(link, 0);
		}
}

static void close_link(struct sandbox_link *link)
{
	struct sandbox *sandbox = link->sandbox;
	struct sandbox_link **at = &sandbox->links;

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	sandbox->n_links--;
	sandbox_cage_kill_of(sandbox, link);
	sd_event_source_disable_unref(link->source);
	close_fd(&link->fd);
	free(link);
}

static void answer_status(struct sandbox_link *link)
{
	struct sandbox *sandbox = link->sandbox;
	struct cage_ground_stamp stamp;
	bool stands = cage_ground_look(&sandbox->ground, &stamp, NULL) == 0;
	int abi = landlock_abi();
	struct launch_status status = {
		.version = LAUNCH_VERSION,
		.kind = LAUNCH_ANSWER_STATUS,
		.running = sandbox->n_cages,
		.workspaces = (uint32_t)sandbox->workspaces.n,
		.landlock_abi = abi < 0 ? 0 : (uint32_t)abi,
		.memory_bound = sandbox->ground.cgroups.bounds[CGROUP_MEMORY],
		.process_bound = sandbox->ground.cgroups.bounds[CGROUP_PIDS],
		.launched = sandbox->launched,
		.refused = sandbox->refused,
		.timeouts = sandbox->timeouts,
	};

	for (int profile = 1; profile < LAUNCH_PROFILE_END; profile++)
		self_test_summary(&sandbox->test, (enum launch_profile)profile,
				  stands ? &stamp : NULL, &status.proofs[profile - 1]);
	send_record(link, &status, sizeof(status));
}

static void change_workspace(struct sandbox_link *link, const struct launch_request *rq, int fd)
{
	struct workspace_table *table = &link->sandbox->workspaces;
	struct launch_answer refused = {
		.kind = LAUNCH_ANSWER_REFUSED,
		.id = rq->id,
		.stage = LAUNCH_STAGE_WORKSPACE,
	};
	struct error err = { 0 };
	int r;

	if (rq->mode == LAUNCH_MODE_NONE)
		r = workspace_forget(table, rq->id, &err);
	else
		r = workspace_register(table, rq->id, fd, rq->mode == LAUNCH_MODE_WRITABLE,
				       link->uid, &err);
	if (r == 0) {
		answer_done(link, rq->id);
		return;
	}
	refused.error = -r;
	(void)snprintf(refused.text, sizeof(refused.text), "%.*s", LAUNCH_TEXT_BYTES - 1, err.text);
	sandbox_link_answer(link, &refused);
}

static int perform(struct sandbox_link *link, const struct launch_request *rq, int *fd,
		   struct error *err)
{
	switch ((enum launch_verb)rq->verb) {
	case LAUNCH_VERB_LAUNCH:
		return sandbox_cage_launch(link->sandbox, link, rq, take_fd(fd), err);
	case LAUNCH_VERB_KILL:
		sandbox_cage_kill(link->sandbox, link, rq->id);
		return 0;
	case LAUNCH_VERB_WORKSPACE:
		change_workspace(link, rq, *fd);
		return 0;
	case LAUNCH_VERB_STOP:
		if (link->stopping > 0)
			return FAIL(err, -EPROTO, "a second stop before the first was answered");
		log_notice("stop: %u cages are killed", link->sandbox->n_cages);
		link->stopping = sandbox_cage_stop(link->sandbox);
		if (link->stopping == 0)
			answer_done(link, 0);
		return 0;
	case LAUNCH_VERB_STATUS:
		answer_status(link);
		return 0;
	}
	abort(); /* launch_request_decode() admits no other verb */
}

/* One datagram and at most one descriptor. Bytes, 0 at the end, or -errno. */
static ssize_t receive(int fd, struct launch_request *buffer, int *ret_fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = buffer, .iov_len = sizeof(*buffer) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_LEN(sizeof(int)), /* padding would admit a second */
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&message);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(cmsg), sizeof(int));
	return message.msg_flags & MSG_CTRUNC ? -EPROTO : n;
}

/* 1 a record was served, 0 there is none, negative: the conversation is over. */
static int serve_one(struct sandbox_link *link, struct error *err)
{
	struct launch_request raw = { 0 }, rq;
	auto_fd int fd = -1;
	ssize_t n = receive(link->fd, &raw, &fd);
	int r;

	if (n == -EAGAIN)
		return 0;
	if (n == -EPROTO)
		return FAIL(err, -EPROTO, "more descriptors than one");
	if (n < 0)
		return FAIL(err, (int)n, "receive: %s", strerror((int)-n));
	if (n == 0)
		return -EPIPE;
	r = launch_request_decode(&raw, (size_t)n, fd >= 0 ? 1 : 0, link->peer, &rq, err);
	if (r == 0)
		r = perform(link, &rq, &fd, err);
	return r < 0 ? r : 1;
}

static int on_record(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct sandbox_link *link = userdata;
	struct error err = { 0 };
	int r = 1;

	(void)source;
	(void)fd;
	(void)events;
	for (int i = 0; i < RECORDS_PER_WAKE && r > 0; i++)
		r = serve_one(link, &err);
	if (r < 0) {
		if (err.code)
			log_warning("connection of uid %u closed: %s", link->uid, err.text);
		close_link(link);
	}
	return 0;
}

static unsigned peer_of(const struct sandbox *sandbox, uid_t uid)
{
	unsigned peer = uid == sandbox->owner || uid == 0 ? LAUNCH_PEER_OWNER : 0;

	return peer | (uid == sandbox->agent ? LAUNCH_PEER_AGENT : 0);
}

static void add_link(struct sandbox *sandbox, int accepted_fd)
{
	auto_fd int fd = accepted_fd;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	struct sandbox_link *link;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
	    !peer_of(sandbox, peer.uid)) {
		log_warning("refused a connection from a uid that has no business here");
		return;
	}
	if (sandbox->n_links >= (peer_of(sandbox, peer.uid) & LAUNCH_PEER_OWNER
					 ? SANDBOX_LINKS_MAX
					 : SANDBOX_LINKS_AGENT_MAX)) {
		log_warning("refused a connection: %u are open", sandbox->n_links);
		return;
	}
	link = calloc(1, sizeof(*link));
	if (!link)
		return; /* the peer sees the end of its connection */
	*link = (struct sandbox_link){ .sandbox = sandbox,
				       .next = sandbox->links,
				       .fd = fd,
				       .uid = peer.uid,
				       .peer = peer_of(sandbox, peer.uid) };
	if (sd_event_add_io(sandbox->event, &link->source, fd, EPOLLIN, on_record, link) < 0) {
		free(link);
		return;
	}
	(void)take_fd(&fd);
	sandbox->links = link;
	sandbox->n_links++;
}

static int on_connect(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	if (accepted >= 0)
		add_link(userdata, accepted);
	return 0;
}

static void on_proven(void *data)
{
	sandbox_cage_resume(data);
}

int sandbox_serve(struct sandbox *sandbox, int listen_fd, struct error *err)
{
	int r = sd_event_add_io(sandbox->event, &sandbox->listening, listen_fd, EPOLLIN, on_connect,
				sandbox);

	if (r < 0)
		return FAIL(err, r, "event loop: %s", strerror(-r));
	sandbox->listen_fd = listen_fd;
	sandbox->test = (struct self_test){ .event = sandbox->event,
					    .ground = &sandbox->ground,
					    .on_proven = on_proven,
					    .data = sandbox };
	return 0;
}

void sandbox_fini(struct sandbox *sandbox)
{
	while (sandbox->links)
		close_link(sandbox->links);
	sandbox_cage_end(sandbox);
	self_test_fini(&sandbox->test);
	sd_event_source_disable_unref(sandbox->listening);
	close_fd(&sandbox->listen_fd);
	workspace_table_fini(&sandbox->workspaces);
	cage_ground_fini(&sandbox->ground);
}
