/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/service.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/message-gate.h"
#include "base/trim.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

enum {
	LISTEN_NAMES_MAX = 16,
	ACCEPT_BATCH = 16,
	ACCEPT_WINDOW_US = 20 * 1000,
	ACCEPT_BURST = 20,
	WATCHDOG_FEED_S = 5,
	WATCHDOG_LIMIT_S = 20
};

struct service {
	sd_event *event;
	sd_event_source *feed;
	unsigned held;
	bool armed; /* the supervisor's watchdog */
	int n_fds;
	int fds[LISTEN_NAMES_MAX];
	char *names[LISTEN_NAMES_MAX];
};

/* A listening socket and who may connect to it. */
struct server_peers {
	struct service *service;
	sd_varlink_server *server; /* borrowed: the caller's, as long as the loop runs */
	uid_t uids[SERVICE_UIDS_MAX];
	size_t n_uids, message_bytes_max;
	struct message_gates gates;
	void *userdata;
};

static int take_inherited(struct service *service, struct error *err)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);

	if (n < 0)
		return FAIL(err, n, "inherited descriptors: %s", strerror(-n));
	if (n > LISTEN_NAMES_MAX)
		return FAIL(err, -E2BIG, "%d inherited descriptors, at most %d", n,
			    LISTEN_NAMES_MAX);
	for (int i = 0; i < n; i++) {
		service->fds[i] = SD_LISTEN_FDS_START + i;
		service->names[i] = names[i];
	}
	free(names);
	service->n_fds = n;
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)info;
	(void)userdata;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int watch_signals(sd_event *event)
{
	static const int stops[] = { SIGTERM, SIGINT };
	int r = 0;

	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]) && r >= 0; i++)
		r = sd_event_add_signal(event, NULL, stops[i] | SD_EVENT_SIGNAL_PROCMASK, on_stop,
					NULL);
	return r;
}

int service_open(struct service **ret, struct error *err)
{
	struct service *service = calloc(1, sizeof(*service));
	int r;

	if (!service)
		return FAIL(err, -ENOMEM, "out of memory");
	r = take_inherited(service, err);
	if (r >= 0) {
		r = sd_event_new(&service->event);
		if (r >= 0)
			r = watch_signals(service->event);
		if (r < 0)
			(void)FAIL(err, r, "event loop: %s", strerror(-r));
	}
	if (r < 0) {
		service_close(service);
		return r;
	}
	*ret = service;
	return 0;
}

void service_close(struct service *service)
{
	if (!service)
		return;
	for (int i = 0; i < service->n_fds; i++) {
		free(service->names[i]);
		close_fd(&service->fds[i]);
	}
	sd_event_source_disable_unref(service->feed);
	sd_event_unref(service->event);
	free(service);
}

sd_event *service_event(struct service *service)
{
	return service->event;
}

int service_take_fd(struct service *service, const char *name)
{
	for (int i = 0; i < service->n_fds; i++)
		if (service->fds[i] >= 0 && strcmp(service->names[i], name) == 0)
			return take_fd(&service->fds[i]);
	return -ENOENT;
}

bool service_peer_is(sd_varlink *link, const uid_t *uids, size_t n_uids)
{
	uid_t uid;

	if (sd_varlink_get_peer_uid(link, &uid) < 0)
		return false;
	for (size_t i = 0; i < n_uids; i++)
		if (uids[i] == uid)
			return true;
	return false;
}

static bool is_welcome(const struct server_peers *peers, uid_t uid)
{
	for (size_t i = 0; i < peers->n_uids; i++)
		if (peers->uids[i] == uid)
			return true;
	return false;
}

/* Takes over fd. */
static int add_connection(struct server_peers *peers, int fd)
{
	auto_fd int own_fd = fd;
	struct ucred peer = { 0 };
	socklen_t length = sizeof(peer);
	sd_varlink *link = NULL; /* the server's */
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	if (!is_welcome(peers, peer.uid)) {
		log_warning("refused a connection from a uid that has no business here");
		return 0;
	}
	/* A peer outside this process's pid namespace has no number here, and sd-varlink refuses
	 * such credentials when it reads them itself. Nothing goes by the pid. */
	if (peer.pid == 0)
		peer.pid = 1;
	if (peers->message_bytes_max > 0) {
		r = message_gate_add(&peers->gates, peers->service->event, fd,
				     peers->message_bytes_max, &fd);
		if (r < 0)
			return r;
		(void)take_fd(&own_fd); /* the gate's, which has another one for us */
		own_fd = fd;
	}
	r = sd_varlink_server_add_connection_pair(peers->server, fd, fd, &peer, &link);
	if (r < 0)
		return r;
	(void)take_fd(&own_fd);
	r = sd_varlink_set_allow_fd_passing_input(link, true);
	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_output(link, true);
	(void)sd_varlink_set_userdata(link, peers->userdata);
	service_hold(peers->service); /* what its messages need is given back with a burst's */
	service_release(peers->service);
	return r;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)source;
	(void)events;
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		int link_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), r;

		if (link_fd < 0)
			return 0; /* none is left, or the one that was is gone */
		r = add_connection(userdata, link_fd);
		if (r < 0)
			log_warning("a connection could not be taken: %s", strerror(-r));
	}
	return 0;
}

static void free_peers(struct server_peers *peers)
{
	free(peers);
}
DEFINE_CLEANUP(struct server_peers *, free_peers)

/* The peer list lives as long as the process: servers are made once at start. */
static struct server_peers *kept[LISTEN_NAMES_MAX];

static int keep(struct server_peers *peers)
{
	for (size_t i = 0; i < LISTEN_NAMES_MAX; i++) {
		if (!kept[i]) {
			kept[i] = peers;
			return 0;
		}
	}
	return -E2BIG;
}

int service_serve(struct service *service, const char *name, const sd_varlink_interface *interface,
		  const struct service_peers *peers, void *userdata, sd_varlink_server **ret,
		  struct error *err)
{
	__attribute__((cleanup(sd_varlink_server_unrefp))) sd_varlink_server *server = NULL;
	CLEANUP(free_peers_ptr) struct server_peers *copy = calloc(1, sizeof(*copy));
	auto_fd int fd = service_take_fd(service, name);
	__attribute__((cleanup(sd_event_source_unrefp))) sd_event_source *source = NULL;
	int r;

	assert(peers->n_uids > 0 && peers->n_uids <= SERVICE_UIDS_MAX);
	if (fd < 0)
		return FAIL(err, fd, "no socket \"%s\" was handed over (start it with claw up)",
			    name);
	if (!copy)
		return FAIL(err, -ENOMEM, "out of memory");
	memcpy(copy->uids, peers->uids, peers->n_uids * sizeof(peers->uids[0]));
	copy->service = service;
	copy->n_uids = peers->n_uids;
	copy->message_bytes_max = peers->message_bytes_max;
	copy->userdata = userdata;

	r = sd_varlink_server_new(&server, SD_VARLINK_SERVER_ACCOUNT_UID);
	if (r >= 0)
		r = sd_varlink_server_add_interface(server, interface);
	if (r >= 0)
		r = sd_varlink_server_set_connections_max(server, peers->connections_max);
	if (r >= 0)
		r = sd_varlink_server_set_connections_per_uid_max(server,
								  peers->connections_per_uid_max);
	copy->server = server;
	if (r >= 0)
		r = sd_varlink_server_attach_event(server, service->event,
						   SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_event_add_io(service->event, &source, fd, EPOLLIN, on_accept, copy);
	if (r >= 0)
		r = sd_event_source_set_io_fd_own(source, true);
	if (r >= 0) /* who waits while descriptors are short keeps the socket readable */
		r = sd_event_source_set_ratelimit(source, ACCEPT_WINDOW_US, ACCEPT_BURST);
	if (r >= 0) {
		(void)take_fd(&fd);                             /* the source's now */
		r = sd_event_source_set_floating(source, true); /* and that is the loop's */
	}
	if (r >= 0)
		r = keep(copy);
	if (r < 0)
		return FAIL(err, r, "server on \"%s\": %s", name, strerror(-r));
	TAKE_PTR(copy);
	*ret = TAKE_PTR(server);
	return 0;
}

/* Work comes in bursts: disarming waits for the next feed, so a burst costs two messages, not two
 * for each piece of work. */
static int on_feed(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct service *service = userdata;

	(void)usec;
	if (service->held == 0) {
		service->armed = false;
		trim_memory();                         /* what the burst needed goes back */
		(void)sd_notify(0, "WATCHDOG_USEC=0"); /* without a supervisor nobody listens */
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	(void)sd_notify(0, "WATCHDOG=1");
	return sd_event_source_set_time_relative(source, WATCHDOG_FEED_S * CLOCK_SECOND_US);
}

void service_hold(struct service *service)
{
	if (service->held++ > 0 || service->armed)
		return;
	service->armed = true;
	(void)sd_notifyf(0, "WATCHDOG_USEC=%llu\nWATCHDOG=1",
			 (unsigned long long)(WATCHDOG_LIMIT_S * CLOCK_SECOND_US));
	if (!service->feed &&
	    sd_event_add_time_relative(service->event, &service->feed, CLOCK_MONOTONIC,
				       WATCHDOG_FEED_S * CLOCK_SECOND_US, 0, on_feed, service) < 0)
		return;
	(void)sd_event_source_set_time_relative(service->feed, WATCHDOG_FEED_S * CLOCK_SECOND_US);
	(void)sd_event_source_set_enabled(service->feed, SD_EVENT_ON);
}

void service_release(struct service *service)
{
	assert(service->held > 0);
	service->held--;
}

int service_run(struct service *service, struct error *err)
{
	int r;

	trim_memory();
	(void)sd_notify(0, "READY=1");
	r = sd_event_loop(service->event);
	if (r < 0)
		return FAIL(err, r, "event loop: %s", strerror(-r));
	return r;
}
