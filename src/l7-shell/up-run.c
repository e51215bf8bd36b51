/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* `claw up`: the supervisor's loop, its Varlink interface, the ordered start and stop (L7). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/dir.h"
#include "base/log.h"
#include "io.clawos.Supervisor.varlink.h"
#include "l7-shell/up-internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NOTIFY_BYTES = 4096, CONNECTIONS_MAX = 64 };

const struct up_row up_rows[] = {
#include "daemons.inc"
};
const size_t up_rows_count = sizeof(up_rows) / sizeof(up_rows[0]);

static int open_folder(int state_fd, const char *name, mode_t mode, uid_t uid, struct error *err)
{
	auto_fd int fd = -1;

	if (mkdirat(state_fd, name, mode) < 0 && errno != EEXIST)
		return FAIL(err, -errno, "make %s in the state: %m", name);
	fd = dir_open_nolink(state_fd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return FAIL(err, fd, "open %s in the state: %s", name, strerror(-fd));
	if (fchown(fd, uid, (gid_t)uid) < 0 || fchmod(fd, mode) < 0)
		return FAIL(err, -errno, "owner and mode of %s: %m", name);
	return take_fd(&fd);
}

static int open_folders(struct up *up, struct error *err)
{
	auto_fd int workspace_fd = -1;
	int r;

	up->state_fd = dir_open_configured(up->paths.state, O_RDONLY | O_DIRECTORY, 0);
	if (up->state_fd < 0)
		return FAIL(err, up->state_fd, "%s: %s", up->paths.state, strerror(-up->state_fd));
	r = up_agent_settle(up->state_fd, &up->agent, err);
	if (r < 0)
		return r;
	up->run_fd = open_folder(up->state_fd, "run", 0700, geteuid(), err);
	if (up->run_fd < 0)
		return up->run_fd;
	up->log_fd = open_folder(up->state_fd, "log", 0700, geteuid(), err);
	if (up->log_fd < 0)
		return up->log_fd;
	workspace_fd = open_folder(up->state_fd, "workspace", 0700, geteuid(), err);
	if (workspace_fd < 0)
		return workspace_fd;
	for (size_t i = 0; i < up_rows_count; i++) {
		int fd;

		if (!up_rows[i].keeps)
			continue;
		fd = open_folder(up->state_fd, up_rows[i].keeps, 0700,
				 up_agent_uid(&up->agent, up_rows[i].uid), err);
		if (fd < 0)
			return fd;
		close_fd(&fd);
	}
	return 0;
}

/* One supervisor per state. 1 when another one has it. */
static int lock(struct up *up, struct error *err)
{
	up->lock_fd = dir_open(up->run_fd, "lock", O_RDWR | O_CREAT, 0600);
	if (up->lock_fd < 0)
		return FAIL(err, up->lock_fd, "lock: %s", strerror(-up->lock_fd));
	if (flock(up->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 1 : FAIL(err, -errno, "lock: %m");
	return 0;
}

static struct up_daemon *by_pid(struct up *up, pid_t pid)
{
	for (unsigned i = 0; i < up->n_daemons; i++)
		if (up->daemons[i].pid == pid && pid > 0)
			return &up->daemons[i];
	return NULL;
}

static int on_notify(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	char text[NOTIFY_BYTES];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof(control.bytes) };
	struct up_daemon *daemon;
	struct cmsghdr *cmsg;
	struct ucred cred;
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	(void)source;
	(void)events;
	if (n < 0)
		return 0;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_CREDENTIALS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(cred)))
		return 0;
	memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
	text[n] = '\0';
	daemon = by_pid(userdata, cred.pid);
	if (daemon)
		up_daemon_notify(daemon, text);
	return 0;
}

static int open_notify(struct up *up, struct error *err)
{
	int on = 1;
	int r;

	up->notify_fd = up_socket_bind(up->run_fd, "notify", SOCK_DGRAM, err);
	if (up->notify_fd < 0)
		return up->notify_fd;
	if (setsockopt(up->notify_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return FAIL(err, -errno, "notify socket: %m");
	r = sd_event_add_io(up->event, NULL, up->notify_fd, EPOLLIN, on_notify, up);
	return r < 0 ? FAIL(err, r, "notify socket: %s", strerror(-r)) : 0;
}

static int on_status(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		     void *userdata)
{
	__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *list = NULL;
	struct up *up = userdata;
	int r = 0;

	(void)parameters;
	(void)flags;
	for (unsigned i = 0; i < up->n_daemons && r >= 0; i++) {
		const struct up_daemon *daemon = &up->daemons[i];

		r = sd_json_variant_append_arraybo(
			&list, SD_JSON_BUILD_PAIR_STRING("name", daemon->row->name),
			SD_JSON_BUILD_PAIR_STRING("state", up_state_name(daemon->state)),
			SD_JSON_BUILD_PAIR_INTEGER("pid", daemon->pid),
			SD_JSON_BUILD_PAIR_UNSIGNED("restarts", daemon->restarts),
			SD_JSON_BUILD_PAIR_UNSIGNED("sinceUsec", daemon->since_us),
			SD_JSON_BUILD_PAIR_STRING("reason", daemon->reason));
	}
	if (r < 0)
		return r;
	return sd_varlink_replybo(link, SD_JSON_BUILD_PAIR_VARIANT("daemons", list),
				  SD_JSON_BUILD_PAIR_STRING("config", up->identity),
				  SD_JSON_BUILD_PAIR_STRING("version", CLAW_VERSION),
				  SD_JSON_BUILD_PAIR_UNSIGNED("startedUsec", up->started_us));
}

void up_stop_step(struct up *up)
{
	for (;;) {
		if (up->stop_next < up->n_daemons && up->daemons[up->stop_next].pid > 0)
			return; /* it has been told; its end calls again */
		if (up->stop_next == 0)
			break;
		up->stop_next--;
		up_daemon_stop(&up->daemons[up->stop_next]);
	}
	if (up->stop_caller) {
		(void)sd_varlink_reply(up->stop_caller, NULL); /* the caller may have gone */
		(void)sd_varlink_flush(up->stop_caller);
	}
	(void)sd_event_exit(up->event, EXIT_SUCCESS);
}

static void stop(struct up *up)
{
	if (up->stopping)
		return;
	up->stopping = true;
	up->stop_next = up->n_daemons;
	up_stop_step(up);
}

static int on_stop(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		   void *userdata)
{
	struct up *up = userdata;

	(void)parameters;
	(void)flags;
	if (up->stop_caller)
		return sd_varlink_error_errno(link, -EALREADY);
	up->stop_caller = sd_varlink_ref(link);
	stop(up);
	return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source;
	(void)info;
	stop(userdata);
	return 0;
}

static int serve(struct up *up, struct error *err)
{
	int fd = up_socket_bind(up->run_fd, "up", SOCK_STREAM, err);
	int r;

	if (fd < 0)
		return fd;
	/* ROOT_ONLY admits root and, where the person is somebody else, MYSELF_ONLY the person. */
	r = sd_varlink_server_new(
		&up->server, SD_VARLINK_SERVER_ACCOUNT_UID | SD_VARLINK_SERVER_INHERIT_USERDATA |
				     (geteuid() == 0 ? SD_VARLINK_SERVER_ROOT_ONLY
						     : SD_VARLINK_SERVER_MYSELF_ONLY));
	if (r >= 0)
		r = sd_varlink_server_listen_fd(up->server, fd);
	if (r < 0)
		close_fd(&fd);
	if (r >= 0)
		r = sd_varlink_server_add_interface(up->server, &vl_interface_io_clawos_Supervisor);
	if (r >= 0)
		r = sd_varlink_server_bind_method_many(up->server, "io.clawos.Supervisor.Status",
						       on_status, "io.clawos.Supervisor.Stop",
						       on_stop);
	(void)sd_varlink_server_set_userdata(up->server, up);
	if (r >= 0)
		r = sd_varlink_server_set_connections_max(up->server, CONNECTIONS_MAX);
	if (r >= 0)
		r = sd_varlink_server_attach_event(up->server, up->event, SD_EVENT_PRIORITY_NORMAL);
	return r < 0 ? FAIL(err, r, "supervisor socket: %s", strerror(-r)) : 0;
}

static int open_daemons(struct up *up, struct error *err)
{
	for (size_t i = 0; i < up_rows_count; i++) {
		struct up_daemon *daemon = &up->daemons[up->n_daemons];
		int r;

		if (up_rows[i].on_demand && !up->paths.model)
			continue; /* no local model in this system: its socket does not exist */
		*daemon = (struct up_daemon){ .row = &up_rows[i], .listen_fd = -1 };
		up->n_daemons++;
		r = up_daemon_open(up, daemon, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int watch_signals(struct up *up, struct error *err)
{
	static const int stops[] = { SIGTERM, SIGINT };

	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		int r = sd_event_add_signal(up->event, NULL, stops[i] | SD_EVENT_SIGNAL_PROCMASK,
					    on_signal, up);

		if (r < 0)
			return FAIL(err, r, "signals: %s", strerror(-r));
	}
	return 0;
}

static int open_system(struct up *up, struct error *err)
{
	int r = open_folders(up, err);

	if (r >= 0)
		r = lock(up, err);
	if (r != 0)
		return r;
	r = up_identity(&up->paths, up->state_fd, &up->config, up->identity, err);
	up_config_wipe_environment();
	if (r >= 0)
		r = up_paths_keep(&up->paths, up->state_fd, err);
	if (r >= 0)
		r = up->base_fd = up_paths_hold(up->paths.base, err);
	if (r >= 0)
		r = up->bin_fd = up_paths_hold(up->paths.bin, err);
	if (r < 0)
		return r;
	r = sd_event_new(&up->event);
	if (r < 0)
		return FAIL(err, r, "event loop: %s", strerror(-r));
	r = watch_signals(up, err);
	if (r >= 0)
		r = open_notify(up, err);
	if (r >= 0)
		r = open_daemons(up, err);
	if (r >= 0)
		r = serve(up, err);
	return r;
}

static void close_system(struct up *up)
{
	for (unsigned i = 0; i < up->n_daemons; i++) {
		up_daemon_close(&up->daemons[i]);
		/* stopped on purpose: no socket is left, so no client starts the system again; it
		 * may be gone already */
		if (up->stopping)
			(void)unlinkat(up->run_fd, up->daemons[i].row->socket, 0);
	}
	sd_varlink_unref(up->stop_caller);
	sd_varlink_server_unref(up->server);
	sd_event_unref(up->event);
	up_config_free(&up->config);
	close_fd(&up->notify_fd);
	close_fd(&up->lock_fd);
	close_fd(&up->base_fd);
	close_fd(&up->bin_fd);
	close_fd(&up->log_fd);
	close_fd(&up->run_fd);
	close_fd(&up->state_fd);
}

/* Tells who started us that clients can connect, or why not. */
static void report(int *ready_fd, const char *text)
{
	if (*ready_fd < 0)
		return;
	(void)!write(*ready_fd, text, strlen(text)); /* it may have gone */
	close_fd(ready_fd);
	*ready_fd = -1;
}

int up_main(const struct up_paths *paths, int ready_fd)
{
	struct up up = { .paths = *paths,
			 .state_fd = -1,
			 .run_fd = -1,
			 .log_fd = -1,
			 .lock_fd = -1,
			 .base_fd = -1,
			 .bin_fd = -1,
			 .notify_fd = -1,
			 .started_us = clock_realtime_us() };
	struct error err = { 0 };
	int r;

	r = open_system(&up, &err);
	if (r == 0) {
		report(&ready_fd, "\n");
		for (unsigned i = 0; i < up.n_daemons; i++)
			if (!up.daemons[i].row->on_demand)
				up_daemon_start(&up.daemons[i]);
		r = sd_event_loop(up.event);
		if (r < 0)
			(void)FAIL(&err, r, "event loop: %s", strerror(-r));
	} else if (r > 0) {
		(void)FAIL(&err, -EBUSY, "another supervisor has this state (%s)", paths->state);
	}
	if (err.code < 0)
		log_error("claw up: %s", err.text);
	close_system(&up); /* its lock too: who reads why may start it again at once */
	report(&ready_fd, err.text);
	return err.code < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
