/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/peer-link.h"

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static int connect_socket(int run_fd, const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n = snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", run_fd,
			 name);

	if (fd < 0)
		return -errno;
	if (n < 0 || (size_t)n >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(&fd);
}

int peer_link_open(sd_event *event, int run_fd, const char *name, sd_varlink_reply_t on_reply,
		   sd_varlink **ret)
{
	auto_fd int fd = connect_socket(run_fd, name);
	sd_varlink *link = NULL;
	int r = fd < 0 ? fd : sd_varlink_connect_fd(&link, fd);

	if (r < 0)
		return r;
	(void)take_fd(&fd); /* the connection's now */
	r = sd_varlink_set_allow_fd_passing_input(link, true);
	if (r >= 0)
		r = sd_varlink_set_allow_fd_passing_output(link, true);
	if (r >= 0)
		r = sd_varlink_bind_reply(link, on_reply);
	if (r >= 0)
		r = sd_varlink_attach_event(link, event, SD_EVENT_PRIORITY_NORMAL);
	if (r < 0) {
		sd_varlink_close_unref(link);
		return r;
	}
	*ret = link;
	return 0;
}
