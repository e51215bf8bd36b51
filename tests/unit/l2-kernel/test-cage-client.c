/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The client against a peer that answers by script; with the real claw-sandboxd it runs in agentd's
 * tests. */
#include "l2-kernel/cage-client.h"

#include "base/cleanup.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { TURN = 7, TIME_MS = 1000, MEMORY_MIB = 64, STEPS_MAX = 100 };

/* One peer: its listening socket, the accepted connection, the last request and its descriptor. */
static struct peer {
	char path[64];
	int listen_fd, fd, stream_fd;
	struct launch_request rq;
} peer;

static struct seen {
	int started, refused, halted, exited;
	bool forget_halted;
	pid_t pid;
	enum launch_stage stage;
	int error;
	struct cage_result result;
	struct cage_client *launch_again;
} seen;

static sd_event *event;

static void open_peer(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n = snprintf(peer.path, sizeof(peer.path), "/tmp/claw-cage-client-%d", getpid());

	EXPECT_INT(n, <, sizeof(peer.path));
	memcpy(address.sun_path, peer.path, (size_t)n);
	peer.listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	EXPECT_INT(bind(peer.listen_fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
	EXPECT_INT(listen(peer.listen_fd, 1), ==, 0);
	EXPECT_INT(sd_event_new(&event), >=, 0);
}

static void accept_peer(void)
{
	peer.fd = accept(peer.listen_fd, NULL, NULL);
	EXPECT_INT(peer.fd, >=, 0);
}

static void receive_request(void)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &peer.rq, sizeof(peer.rq) };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };

	EXPECT_INT(recvmsg(peer.fd, &message, 0), ==, sizeof(peer.rq));
	peer.stream_fd = -1;
	if (message.msg_controllen > 0)
		memcpy(&peer.stream_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
}

static void reply(struct launch_answer answer)
{
	answer.version = LAUNCH_VERSION;
	EXPECT_INT(send(peer.fd, &answer, sizeof(answer), 0), ==, sizeof(answer));
}

static void on_started(struct cage_handle *cage, pid_t pid, void *data)
{
	(void)cage;
	(void)data;
	seen.started++;
	seen.pid = pid;
}

static void on_refused(struct cage_handle *cage, enum launch_stage stage, int error,
		       const char *text, void *data);

static void on_exited(struct cage_handle *cage, const struct cage_result *result, void *data)
{
	(void)cage;
	(void)data;
	seen.exited++;
	seen.result = *result;
}

static void on_halted(struct cage_handle *cage, void *data)
{
	(void)data;
	seen.halted++;
	if (seen.forget_halted)
		cage_forget(cage);
}

static const struct cage_callbacks callbacks = { on_started, on_refused, on_halted, on_exited };

static struct cage_handle *launch(struct cage_client *client, int *ret_stream_fd)
{
	const struct cage_launch_options options = { .profile = LAUNCH_PROFILE_EXECUTE,
						     .turn = TURN,
						     .time_ms = TIME_MS,
						     .memory_mib = MEMORY_MIB,
						     .callbacks = &callbacks };
	struct cage_handle *cage;
	struct error err = { 0 };

	EXPECT_OK(cage_launch(client, &options, &cage, ret_stream_fd, &err), &err);
	return cage;
}

static void on_refused(struct cage_handle *cage, enum launch_stage stage, int error,
		       const char *text, void *data)
{
	int stream_fd;

	(void)cage;
	(void)text;
	(void)data;
	seen.refused++;
	seen.stage = stage;
	seen.error = error;
	if (seen.launch_again) {
		struct cage_client *client = seen.launch_again;

		seen.launch_again = NULL;
		(void)launch(client, &stream_fd);
	}
}

/* Runs the loop until nothing is left to do. */
static void settle(void)
{
	for (int i = 0; i < STEPS_MAX && sd_event_run(event, 0) > 0; i++)
		;
}

static struct cage_client *open_client(void)
{
	struct cage_client *client;
	struct error err = { 0 };

	open_peer();
	EXPECT_OK(cage_client_open(event, AT_FDCWD, peer.path, &client, &err), &err);
	return client;
}

static void close_all(struct cage_client *client)
{
	cage_client_close(client);
	sd_event_unref(event);
	(void)unlink(peer.path); /* a leftover harms nobody */
}

TEST(a_cage_is_started_then_exits_and_its_stream_is_a_pair)
{
	struct cage_client *client = open_client();
	int stream_fd;
	char byte = 'x';

	(void)launch(client, &stream_fd);
	EXPECT_INT(fcntl(stream_fd, F_GETFL) & O_NONBLOCK, ==, O_NONBLOCK);
	accept_peer();
	receive_request();
	EXPECT_INT(peer.rq.verb, ==, LAUNCH_VERB_LAUNCH);
	EXPECT_INT(peer.rq.version, ==, LAUNCH_VERSION);
	EXPECT_INT(peer.rq.turn, ==, TURN);
	EXPECT_INT(fcntl(peer.stream_fd, F_GETFL) & O_NONBLOCK, ==, 0);
	EXPECT_INT(write(stream_fd, &byte, 1), ==, 1);
	EXPECT_INT(read(peer.stream_fd, &byte, 1), ==, 1);
	settle();
	EXPECT_INT(seen.started, ==, 0);
	reply((struct launch_answer){ .kind = LAUNCH_ANSWER_STARTED, .id = peer.rq.id, .pid = 99 });
	settle();
	EXPECT_INT(seen.started, ==, 1);
	EXPECT_INT(seen.pid, ==, 99);
	reply((struct launch_answer){ .kind = LAUNCH_ANSWER_EXITED,
				      .id = peer.rq.id,
				      .why = LAUNCH_WHY_EXIT,
				      .status = 3,
				      .cpu_us = 11 });
	settle();
	EXPECT_INT(seen.exited, ==, 1);
	EXPECT_INT(seen.result.status, ==, 3);
	EXPECT_INT(seen.result.cpu_us, ==, 11);
	EXPECT_INT(seen.refused, ==, 0);
	close_all(client);
}

TEST(a_halted_cage_is_told_before_its_end_and_may_be_forgotten_then)
{
	struct cage_client *client = open_client();
	struct cage_handle *cage;
	int stream_fd;

	for (int forgets = 0; forgets < 2; forgets++) {
		seen = (struct seen){ .forget_halted = forgets };
		cage = launch(client, &stream_fd);
		if (!forgets)
			accept_peer();
		receive_request();
		reply((struct launch_answer){ .kind = LAUNCH_ANSWER_STARTED, .id = peer.rq.id });
		cage_kill(cage);
		receive_request();
		reply((struct launch_answer){ .kind = LAUNCH_ANSWER_HALTED, .id = peer.rq.id });
		settle();
		EXPECT_INT(seen.halted, ==, 1);
		EXPECT_INT(seen.exited, ==, 0);
		if (forgets)
			receive_request(); /* killing it again changes nothing */
		reply((struct launch_answer){
			.kind = LAUNCH_ANSWER_EXITED, .id = peer.rq.id, .why = LAUNCH_WHY_KILLED });
		settle();
		EXPECT_INT(seen.exited, ==, !forgets);
	}
	close_all(client);
}

TEST(a_refusal_names_its_stage)
{
	struct cage_client *client = open_client();
	int stream_fd;

	(void)launch(client, &stream_fd);
	accept_peer();
	receive_request();
	reply((struct launch_answer){ .kind = LAUNCH_ANSWER_REFUSED,
				      .id = peer.rq.id,
				      .stage = LAUNCH_STAGE_LANDLOCK,
				      .error = EOPNOTSUPP });
	settle();
	EXPECT_INT(seen.refused, ==, 1);
	EXPECT_INT(seen.stage, ==, LAUNCH_STAGE_LANDLOCK);
	EXPECT_INT(seen.error, ==, EOPNOTSUPP);
	close_all(client);
}

TEST(answers_find_their_cage_in_any_order)
{
	struct cage_client *client = open_client();
	int first_fd, second_fd;
	uint32_t first, second;

	(void)launch(client, &first_fd);
	(void)launch(client, &second_fd);
	accept_peer();
	receive_request();
	first = peer.rq.id;
	receive_request();
	second = peer.rq.id;
	EXPECT_INT(first, !=, second);
	reply((struct launch_answer){ .kind = LAUNCH_ANSWER_STARTED, .id = second, .pid = 2 });
	settle();
	EXPECT_INT(seen.pid, ==, 2);
	reply((struct launch_answer){ .kind = LAUNCH_ANSWER_STARTED, .id = first, .pid = 1 });
	settle();
	EXPECT_INT(seen.pid, ==, 1);
	close_all(client);
}

TEST(a_lost_connection_ends_every_cage_once)
{
	struct cage_client *client = open_client();
	int first_fd, second_fd;

	(void)launch(client, &first_fd);
	(void)launch(client, &second_fd);
	accept_peer();
	receive_request();
	reply((struct launch_answer){ .kind = LAUNCH_ANSWER_STARTED, .id = peer.rq.id });
	settle();
	close_fd(&peer.fd);
	settle();
	EXPECT_INT(seen.exited, ==, 1);
	EXPECT_INT(seen.result.why, ==, LAUNCH_WHY_KILLED);
	EXPECT_INT(seen.refused, ==, 1);
	EXPECT_INT(seen.error, ==, ECONNRESET);
	close_all(client);
}

TEST(a_callback_may_launch_again_after_a_loss)
{
	struct cage_client *client = open_client();
	int stream_fd;

	(void)launch(client, &stream_fd);
	accept_peer();
	receive_request();
	seen.launch_again = client;
	close_fd(&peer.fd);
	settle();
	EXPECT_INT(seen.refused, ==, 1);
	accept_peer();
	receive_request();
	EXPECT_INT(peer.rq.verb, ==, LAUNCH_VERB_LAUNCH);
	close_all(client);
}

TEST(kill_names_the_cage_and_a_forgotten_one_is_silent)
{
	struct cage_client *client = open_client();
	struct cage_handle *cage;
	int stream_fd;
	uint32_t id;

	cage = launch(client, &stream_fd);
	accept_peer();
	receive_request();
	id = peer.rq.id;
	cage_forget(cage);
	receive_request();
	EXPECT_INT(peer.rq.verb, ==, LAUNCH_VERB_KILL);
	EXPECT_INT(peer.rq.id, ==, id);
	reply((struct launch_answer){ .kind = LAUNCH_ANSWER_EXITED, .id = id });
	settle();
	EXPECT_INT(seen.exited + seen.refused + seen.started, ==, 0);
	close_all(client);
}

TEST(an_answer_nobody_asked_for_ends_the_connection)
{
	struct cage_client *client = open_client();
	int stream_fd;
	char byte;

	(void)launch(client, &stream_fd);
	accept_peer();
	receive_request();
	reply((struct launch_answer){ .kind = LAUNCH_ANSWER_STARTED, .id = peer.rq.id + 1 });
	settle();
	EXPECT_INT(seen.refused, ==, 1);
	EXPECT_INT(recv(peer.fd, &byte, 1, 0), ==, 0);
	close_all(client);
}

TEST(without_claw_sandboxd_a_launch_fails_at_once)
{
	const struct cage_launch_options options = { .profile = LAUNCH_PROFILE_READ,
						     .turn = TURN,
						     .time_ms = TIME_MS,
						     .memory_mib = MEMORY_MIB,
						     .callbacks = &callbacks };
	struct cage_client *client = open_client();
	struct cage_handle *cage;
	int stream_fd = -2;

	close_fd(&peer.listen_fd);
	EXPECT_INT(cage_launch(client, &options, &cage, &stream_fd, NULL), ==, -ECONNREFUSED);
	EXPECT_INT(stream_fd, ==, -2);
	close_all(client);
}
