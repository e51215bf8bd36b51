/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/peer.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "l6-agent/field.h"
#include "l6-agent/gate.h"
#include "l6-agent/peer-link.h"

#include <assert.h>
#include <poll.h>
#include <string.h>

enum { IDLE_MAX = 8 };

struct peer {
	sd_event *event;
	int run_fd;
	const char *name, *daemon;
	sd_varlink *idle[IDLE_MAX];
	size_t n_idle;
	struct peer_call *calls;
	struct gate *gate;   /* calls have a connection inside */
	uint64_t generation; /* of the newest call */
	uint64_t silence_us, heard_us;
	sd_event_source *watch; /* on while calls are out */
	sd_varlink *probe;
};

struct peer_call {
	struct peer *peer;
	struct peer_call *next, **self; /* in peer->calls */
	struct gate_place place;
	sd_varlink *link;
	uint64_t generation;
	sd_event_source *repeat;
	struct peer_call_options options;
	int kept[2]; /* descriptors of a call that waits or may be repeated */
	bool repeated, in_reply, cancelled;
};

static int on_watch(sd_event_source *source, uint64_t usec, void *userdata);

int peer_new(sd_event *event, const struct peer_options *options, struct peer **ret)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int r;

	assert(options->silence_us > 0);
	if (!peer)
		return -ENOMEM;
	peer->event = event;
	peer->run_fd = options->run_fd;
	peer->name = options->name;
	peer->daemon = options->daemon;
	peer->silence_us = options->silence_us;
	r = sd_event_add_time_relative(event, &peer->watch, CLOCK_MONOTONIC, 0, 0, on_watch, peer);
	if (r >= 0)
		r = sd_event_source_set_enabled(peer->watch, SD_EVENT_OFF);
	if (r >= 0)
		r = gate_new(event, options->links_max, &peer->gate);
	if (r < 0) {
		peer_free(peer);
		return r;
	}
	*ret = peer;
	return 0;
}

static void drop_probe(struct peer *peer)
{
	if (peer->probe)
		(void)sd_varlink_set_userdata(peer->probe, NULL);
	sd_varlink_close_unref(TAKE_PTR(peer->probe));
}

static void free_call(struct peer_call *call)
{
	struct peer *peer = call->peer;

	gate_leave(&call->place);
	*call->self = call->next;
	if (call->next)
		call->next->self = call->self;
	if (!peer->calls) {
		(void)sd_event_source_set_enabled(peer->watch, SD_EVENT_OFF);
		drop_probe(peer);
	}
	sd_event_source_disable_unref(call->repeat);
	sd_varlink_close_unref(call->link);
	sd_json_variant_unref(call->options.parameters);
	close_fd(&call->kept[0]);
	close_fd(&call->kept[1]);
	free(call);
}

static void drop_idle(struct peer *peer)
{
	while (peer->n_idle > 0)
		sd_varlink_close_unref(peer->idle[--peer->n_idle]);
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	for (struct peer_call *call = peer->calls, *next; call; call = next) {
		next = call->next;
		free_call(call);
	}
	drop_idle(peer);
	drop_probe(peer);
	sd_event_source_disable_unref(peer->watch);
	gate_free(peer->gate);
	free(peer);
}

/* A daemon may have died since the loop last looked: an idle connection has nothing to read. */
static bool is_alive(sd_varlink *link)
{
	struct pollfd look = { .fd = sd_varlink_get_fd(link), .events = POLLIN | POLLRDHUP };

	return look.fd >= 0 && sd_varlink_get_events(link) >= 0 && poll(&look, 1, 0) == 0;
}

static void give_back(struct peer *peer, sd_varlink *link)
{
	if (peer->n_idle < IDLE_MAX && sd_varlink_get_events(link) >= 0)
		peer->idle[peer->n_idle++] = link;
	else
		sd_varlink_close_unref(link);
}

static bool is_lost(const char *error_id)
{
	return error_id && (strcmp(error_id, SD_VARLINK_ERROR_DISCONNECTED) == 0 ||
			    strcmp(error_id, SD_VARLINK_ERROR_TIMEOUT) == 0 ||
			    strcmp(error_id, SD_VARLINK_ERROR_PROTOCOL) == 0);
}

/* Whoever was silent for the whole of a call's time is not asked to be silent once more. */
static bool is_repeated_after(const char *error_id)
{
	return is_lost(error_id) && strcmp(error_id, SD_VARLINK_ERROR_TIMEOUT) != 0;
}

static void on_loss(struct peer_call *call);

static int on_reply(sd_varlink *link, sd_json_variant *reply, const char *error_id,
		    sd_varlink_reply_flags_t flags, void *userdata)
{
	struct peer_call *call = userdata;
	bool is_final = !(flags & SD_VARLINK_REPLY_CONTINUES);
	struct peer *peer;

	if (!call)
		return 0;      /* an idle connection was closed */
	if (is_lost(error_id)) /* the daemon is gone: idle connections lead to it as well */
		drop_idle(call->peer);
	else
		call->peer->heard_us = clock_monotonic_us();
	if (is_repeated_after(error_id) && call->options.repeatable && !call->repeated) {
		on_loss(call);
		return 0;
	}
	peer = call->peer;
	call->in_reply = true;
	call->options.on_reply(call, error_id, reply, is_final, call->options.data);
	call->in_reply = false;
	if (call->cancelled) {
		free_call(call);
		return 0;
	}
	if (!is_final)
		return 0;
	(void)sd_varlink_set_userdata(link, NULL);
	if (!is_lost(error_id)) {
		call->link = NULL;
		give_back(peer, link);
	}
	free_call(call);
	return 0;
}

static int take_link(struct peer *peer, sd_varlink **ret)
{
	while (peer->n_idle > 0) {
		sd_varlink *link = peer->idle[--peer->n_idle];

		if (is_alive(link)) {
			*ret = link;
			return 0;
		}
		sd_varlink_close_unref(link);
	}
	return peer_link_open(peer->event, peer->run_fd, peer->name, on_reply, ret);
}

static int send_call(struct peer_call *call, const int *fds)
{
	const struct peer_call_options *options = &call->options;
	uint64_t timeout = options->timeout_us ? options->timeout_us : UINT64_MAX;
	int r = take_link(call->peer, &call->link);

	if (r < 0)
		return r;
	(void)sd_varlink_set_userdata(call->link, call);
	r = sd_varlink_set_relative_timeout(call->link, timeout);
	for (size_t i = 0; i < options->n_fds && r >= 0; i++)
		r = sd_varlink_push_dup_fd(call->link, fds[i]);
	if (r < 0)
		return r;
	return options->more ? sd_varlink_observe(call->link, options->method, options->parameters)
			     : sd_varlink_invoke(call->link, options->method, options->parameters);
}

static void give_up(struct peer_call *call, const char *error_id, sd_json_variant *reply)
{
	call->in_reply = true;
	call->options.on_reply(call, error_id, reply, true, call->options.data);
	free_call(call);
}

static int watch(struct peer *peer)
{
	int r = sd_event_source_set_time(peer->watch, peer->heard_us + peer->silence_us / 2);

	return r < 0 ? r : sd_event_source_set_enabled(peer->watch, SD_EVENT_ONESHOT);
}

/* All calls that were out by now end; what their callbacks begin is a new attempt. */
static void end_all(struct peer *peer)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *reply = NULL;
	uint64_t newest = peer->generation;
	struct error err = { 0 };

	(void)FAIL(&err, -ETIMEDOUT,
		   "%s has given no sign of life for %llu s (agent.daemon_timeout)", peer->daemon,
		   (unsigned long long)(peer->silence_us / CLOCK_SECOND_US));
	(void)sd_json_buildo(&reply, SD_JSON_BUILD_PAIR_STRING("reason", err.text)); /* or none */
	drop_idle(peer);
	for (;;) {
		struct peer_call *call = peer->calls;

		while (call && call->generation > newest)
			call = call->next;
		if (!call)
			break;
		if (call->link)
			(void)sd_varlink_set_userdata(call->link, NULL);
		give_up(call, SD_VARLINK_ERROR_TIMEOUT, reply);
	}
	peer->heard_us = clock_monotonic_us(); /* for those that are left */
	if (peer->calls && watch(peer) < 0)
		end_all(peer);
}

/* Who cannot be watched is not waited for. */
static void go_on_watching(struct peer *peer)
{
	if (watch(peer) < 0)
		end_all(peer);
}

/* Whatever it says, it lives. A connection that ends belonged to one that was replaced. */
static int on_probed(sd_varlink *link, sd_json_variant *reply, const char *error_id,
		     sd_varlink_reply_flags_t flags, void *userdata)
{
	struct peer *peer = userdata;

	(void)link;
	(void)reply;
	(void)flags;
	if (!peer)
		return 0;
	drop_probe(peer);
	if (error_id && strcmp(error_id, SD_VARLINK_ERROR_TIMEOUT) == 0) {
		end_all(peer);
		return 0;
	}
	peer->heard_us = clock_monotonic_us();
	go_on_watching(peer);
	return 0;
}

static int send_probe(struct peer *peer)
{
	int r = peer_link_open(peer->event, peer->run_fd, peer->name, on_probed, &peer->probe);

	if (r < 0)
		return r;
	(void)sd_varlink_set_userdata(peer->probe, peer);
	r = sd_varlink_set_relative_timeout(peer->probe, peer->silence_us / 2);
	return r < 0 ? r : sd_varlink_invoke(peer->probe, "org.varlink.service.GetInfo", NULL);
}

/*
 * Calls are out and nothing was heard for half of the time: a daemon whose work takes long, or
 * whose own other side is slow, still answers on another connection.
 */
static int on_watch(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct peer *peer = userdata;

	(void)source;
	if (peer->heard_us + peer->silence_us / 2 > usec)
		go_on_watching(peer);
	else if (!peer->probe && send_probe(peer) < 0)
		end_all(peer); /* nobody listens any more */
	return 0;
}

static int on_repeat(sd_event_source *source, void *userdata)
{
	struct peer_call *call = userdata;

	(void)source;
	if (send_call(call, call->kept) < 0)
		give_up(call, SD_VARLINK_ERROR_DISCONNECTED, NULL);
	return 0;
}

/* The old connection is still on the stack of its own callback: the repetition comes after it. */
static void on_loss(struct peer_call *call)
{
	int r;

	call->repeated = true;
	(void)sd_varlink_set_userdata(call->link, NULL);
	sd_varlink_close_unref(TAKE_PTR(call->link));
	r = sd_event_add_defer(call->peer->event, &call->repeat, on_repeat, call);
	if (r < 0)
		give_up(call, SD_VARLINK_ERROR_DISCONNECTED, NULL);
}

static int keep_fds(struct peer_call *call)
{
	for (size_t i = 0; i < call->options.n_fds; i++) {
		call->kept[i] = fcntl(call->options.fds[i], F_DUPFD_CLOEXEC, 3);
		if (call->kept[i] < 0)
			return -errno;
	}
	return 0;
}

static void close_kept(struct peer_call *call)
{
	for (size_t i = 0; i < 2; i++) {
		close_fd(&call->kept[i]);
		call->kept[i] = -1;
	}
}

static void on_admitted(void *data)
{
	struct peer_call *call = data;
	int r = send_call(call, call->kept);

	if (!call->options.repeatable)
		close_kept(call); /* the other side waits for the end of a pipe */
	if (r < 0)
		give_up(call, SD_VARLINK_ERROR_DISCONNECTED, NULL);
}

/* Now, or when one of the calls before it has ended. */
static int admit(struct peer_call *call, const int *fds)
{
	bool is_inside = gate_enter(call->peer->gate, &call->place, call->options.priority,
				    on_admitted, call);
	int r = !is_inside || call->options.repeatable ? keep_fds(call) : 0;

	return r < 0 || !is_inside ? r : send_call(call, fds);
}

int peer_call_start(struct peer *peer, const struct peer_call_options *options,
		    struct peer_call **ret, struct error *err)
{
	struct peer_call *call = calloc(1, sizeof(*call));
	int r = 0;

	assert(options->on_reply && options->n_fds <= 2);
	if (!call)
		return FAIL(err, -ENOMEM, "out of memory");
	call->peer = peer;
	call->options = *options;
	call->kept[0] = call->kept[1] = -1;
	call->generation = ++peer->generation;
	sd_json_variant_ref(call->options.parameters);
	call->next = peer->calls;
	call->self = &peer->calls;
	if (call->next)
		call->next->self = &call->next;
	peer->calls = call;
	if (!call->next) { /* nothing was expected of it before */
		peer->heard_us = clock_monotonic_us();
		r = watch(peer);
	}
	if (r >= 0)
		r = admit(call, options->fds);
	if (r < 0) {
		free_call(call);
		return FAIL(err, r, "%s cannot be reached: %s", peer->daemon, strerror(-r));
	}
	*ret = call;
	return 0;
}

void peer_call_cancel(struct peer_call *call)
{
	if (!call)
		return;
	if (call->in_reply) {
		call->cancelled = true; /* freed when its callback returns */
		return;
	}
	(void)(call->link && sd_varlink_set_userdata(call->link, NULL));
	free_call(call);
}

int peer_call_take_fd(struct peer_call *call, size_t index)
{
	int fd = call->link ? sd_varlink_take_fd(call->link, index) : -ENOENT;

	return fd == -ENXIO ? -ENOENT : fd;
}

const char *peer_error_reason(const char *error_id, sd_json_variant *reply)
{
	const char *otherwise = strcmp(error_id, SD_VARLINK_ERROR_TIMEOUT) == 0
					? "it does not answer in time"
					: error_id;

	return field_text(reply, "reason", otherwise);
}
