/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/cage-client.h"

#include "base/cleanup.h"
#include "l2-kernel/launch-socket.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { RECORDS_PER_WAKE = 16 };

struct cage_client {
	sd_event *event;
	sd_event_source *source; /* NULL: not connected */
	int dir_fd, fd;
	char *path;
	uint32_t last_id;
	struct cage_handle *handles;
};

struct cage_handle {
	struct cage_client *client;
	struct cage_handle *next;
	uint32_t id;
	bool started, forgotten;
	const struct cage_callbacks *callbacks;
	void *data;
};

int cage_client_open(sd_event *event, int dir_fd, const char *path, struct cage_client **ret,
		     struct error *err)
{
	struct cage_client *client = calloc(1, sizeof(*client));

	if (!client || !(client->path = strdup(path))) {
		free(client);
		return FAIL(err, -ENOMEM, "out of memory");
	}
	client->event = sd_event_ref(event);
	client->dir_fd = dir_fd;
	client->fd = -1;
	*ret = client;
	return 0;
}

static void disconnect(struct cage_client *client)
{
	client->source = sd_event_source_disable_unref(client->source);
	close_fd(&client->fd);
	client->fd = -1;
}

void cage_client_close(struct cage_client *client)
{
	struct cage_handle *next;

	if (!client)
		return;
	disconnect(client);
	for (struct cage_handle *cage = client->handles; cage; cage = next) {
		next = cage->next;
		free(cage);
	}
	sd_event_unref(client->event);
	free(client->path);
	free(client);
}

static void report_refused(struct cage_handle *cage, enum launch_stage stage, int error,
			   const char *text)
{
	if (!cage->forgotten)
		cage->callbacks->on_refused(cage, stage, error, text, cage->data);
	free(cage);
}

static void report_exited(struct cage_handle *cage, const struct cage_result *result)
{
	if (!cage->forgotten)
		cage->callbacks->on_exited(cage, result, cage->data);
	free(cage);
}

/* The connection is lost, and with it every cage: each is told once. */
static void lose_all(struct cage_client *client)
{
	const struct cage_result killed = { .why = LAUNCH_WHY_KILLED, .term_signal = SIGKILL };
	struct cage_handle *cage = client->handles, *next;

	disconnect(client);
	client->handles = NULL; /* a callback may launch anew */
	for (; cage; cage = next) {
		next = cage->next;
		if (cage->started)
			report_exited(cage, &killed);
		else
			report_refused(cage, LAUNCH_STAGE_REQUEST, ECONNRESET,
				       "claw-sandboxd closed the connection");
	}
}

static struct cage_handle **find(struct cage_client *client, uint32_t id)
{
	struct cage_handle **at = &client->handles;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static int take_answer(struct cage_client *client, const struct launch_answer *answer)
{
	struct cage_handle **at = find(client, answer->id), *cage = *at;

	if (!cage)
		return -EPROTO; /* an answer to nothing we asked */
	switch ((enum launch_answer_kind)answer->kind) {
	case LAUNCH_ANSWER_STARTED:
		cage->started = true;
		if (cage->callbacks->on_started && !cage->forgotten)
			cage->callbacks->on_started(cage, answer->pid, cage->data);
		return 0;
	case LAUNCH_ANSWER_REFUSED:
		*at = cage->next;
		report_refused(cage, (enum launch_stage)answer->stage, answer->error, answer->text);
		return 0;
	case LAUNCH_ANSWER_HALTED:
		if (cage->callbacks->on_halted && !cage->forgotten)
			cage->callbacks->on_halted(cage, cage->data);
		return 0;
	case LAUNCH_ANSWER_EXITED:
		*at = cage->next;
		report_exited(cage, &(struct cage_result){ .why = (enum launch_why)answer->why,
							   .status = answer->status,
							   .term_signal = answer->term_signal,
							   .cpu_us = answer->cpu_us,
							   .maxrss_kib = answer->maxrss_kib,
							   .wall_us = answer->wall_us });
		return 0;
	case LAUNCH_ANSWER_DONE:
	case LAUNCH_ANSWER_STATUS:
	case LAUNCH_ANSWER_END:
		break;
	}
	return -EPROTO;
}

static int on_record(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct cage_client *client = userdata;

	(void)source;
	(void)events;
	for (int i = 0; i < RECORDS_PER_WAKE && client->fd == fd; i++) {
		union launch_reply reply;
		int r = launch_socket_receive(fd, MSG_DONTWAIT, &reply, NULL);

		if (r == -EAGAIN)
			return 0;
		if (r >= 0)
			r = take_answer(client, &reply.answer);
		if (r < 0) {
			lose_all(client);
			return 0;
		}
	}
	return 0;
}

static int ensure_connected(struct cage_client *client, struct error *err)
{
	int r;

	if (client->source)
		return 0;
	client->fd = launch_socket_connect(client->dir_fd, client->path, SOCK_NONBLOCK, err);
	if (client->fd < 0)
		return client->fd;
	r = sd_event_add_io(client->event, &client->source, client->fd, EPOLLIN, on_record, client);
	if (r < 0) {
		disconnect(client);
		return FAIL(err, r, "event loop: %s", strerror(-r));
	}
	return 0;
}

static uint32_t new_id(struct cage_client *client)
{
	do
		client->last_id++;
	while (client->last_id == 0 || *find(client, client->last_id));
	return client->last_id;
}

int cage_launch(struct cage_client *client, const struct cage_launch_options *options,
		struct cage_handle **ret, int *ret_stream_fd, struct error *err)
{
	auto_free struct cage_handle *cage = calloc(1, sizeof(*cage));
	auto_fd int near_fd = -1, far_fd = -1;
	struct launch_request rq = {
		.verb = LAUNCH_VERB_LAUNCH,
		.profile = options->profile,
		.workspace = options->workspace,
		.turn = options->turn,
		.time_ms = options->time_ms,
		.memory_mib = options->memory_mib,
	};
	int pair[2], r;

	if (!cage)
		return FAIL(err, -ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL(err, -errno, "stream of a cage: %m");
	near_fd = pair[0];
	far_fd = pair[1];
	if (fcntl(near_fd, F_SETFL, O_NONBLOCK) < 0) /* the cage's own end blocks */
		return FAIL(err, -errno, "stream of a cage: %m");
	r = ensure_connected(client, err);
	if (r < 0)
		return r;
	rq.id = new_id(client);
	r = launch_socket_send(client->fd, MSG_DONTWAIT, &rq, far_fd, err);
	if (r < 0)
		return r;
	*cage = (struct cage_handle){ .client = client,
				      .next = client->handles,
				      .id = rq.id,
				      .callbacks = options->callbacks,
				      .data = options->data };
	client->handles = cage;
	*ret = TAKE_PTR(cage);
	*ret_stream_fd = take_fd(&near_fd);
	return 0;
}

void cage_kill(struct cage_handle *cage)
{
	struct launch_request rq = { .verb = LAUNCH_VERB_KILL, .id = cage->id };

	/* A request that cannot be sent ends the connection, which kills too; on_record() sees it.
	 */
	if (launch_socket_send(cage->client->fd, MSG_DONTWAIT, &rq, -1, NULL) < 0)
		(void)shutdown(cage->client->fd, SHUT_RDWR);
}

void cage_forget(struct cage_handle *cage)
{
	cage->forgotten = true;
	cage_kill(cage);
}
