/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "varlink-peer.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-json.h>

enum { INHERITED_FD = 3, SPARE_FD_MIN = 100, TURNS_MAX = 2000, IDLE_MAX = 20, IDLE_US = 1000 };
enum { ANSWERS_MAX = 64 << 20, READ_BYTES = 64 * 1024, BACKLOG = 16, NUMBER_BYTES = 16 };

static const char last_call[] = "\0{\"method\":\"fuzz.end.Here\"}", last_answer[] = "fuzz.end";
static int spare_fd = -1, client_fd = -1;
static struct sockaddr_un address;
static socklen_t address_length = sizeof(address);
static char folder[] = "/tmp/clawos-fuzz-XXXXXX";
static bool has_folder;

static void must(bool good)
{
	if (!good)
		abort();
}

__attribute__((constructor)) static void listen_first(void)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	must(fd >= 0 && bind(fd, (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0 &&
	     listen(fd, BACKLOG) == 0 &&
	     getsockname(fd, (struct sockaddr *)&address, &address_length) == 0);
	spare_fd = fcntl(fd, F_DUPFD_CLOEXEC, SPARE_FD_MIN);
	must(spare_fd >= 0 && dup2(fd, INHERITED_FD) == INHERITED_FD);
	if (fd != INHERITED_FD)
		(void)close(fd); /* it lives on as the two others */
}

struct service *varlink_peer_service(const char *name)
{
	struct service *service = NULL;
	struct error err = { 0 };
	char number[NUMBER_BYTES];

	must(dup2(spare_fd, INHERITED_FD) == INHERITED_FD);
	(void)snprintf(number, sizeof(number), "%d", (int)getpid()); /* fits */
	must(setenv("LISTEN_PID", number, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0 &&
	     setenv("LISTEN_FDNAMES", name, 1) == 0);
	must(service_open(&service, &err) >= 0);
	return service;
}

static void enter(void)
{
	client_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(client_fd >= 0 &&
	     connect(client_fd, (const struct sockaddr *)&address, address_length) == 0);
}

static void leave(void)
{
	close_fd(&client_fd);
	client_fd = -1;
}

/* False when the other side has closed. */
static bool write_all(const char *bytes, size_t length, const int *fds, size_t n_fds)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n_fds > 0) {
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
						   .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	return sendmsg(client_fd, &message, MSG_NOSIGNAL) == (ssize_t)length;
}

static bool write_with_fds(const char *bytes, size_t length)
{
	int pipe_fds[2], fds[2];
	bool good;

	must(pipe2(pipe_fds, O_CLOEXEC) == 0);
	fds[0] = dir_sealed_memfd("body", "body", strlen("body"));
	fds[1] = pipe_fds[1];
	must(fds[0] >= 0);
	good = write_all(bytes, length, fds, 2);
	(void)close(pipe_fds[0]); /* nobody reads what is answered there */
	(void)close(fds[0]);
	(void)close(fds[1]);
	return good;
}

/* Everything between two NULs is a JSON object. */
static void check(const struct buf *answers)
{
	const char *at = buf_string(answers), *end = at + answers->length, *nul;

	while ((nul = memchr(at, '\0', (size_t)(end - at)))) {
		__attribute__((cleanup(sd_json_variant_unrefp))) sd_json_variant *value = NULL;

		must(sd_json_parse(at, 0, &value, NULL, NULL) >= 0 &&
		     sd_json_variant_is_object(value));
		at = nul + 1;
	}
}

/* 1: something came, 0: nothing, -1: the other side has closed. */
static int take(struct buf *answers)
{
	char bytes[READ_BYTES];
	ssize_t n = recv(client_fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	must(n == 0 || buf_add(answers, bytes, (size_t)n) == 0);
	return n > 0 ? 1 : -1;
}

static bool is_answered(const struct buf *answers)
{
	return memmem(buf_string(answers), answers->length, last_answer, sizeof(last_answer) - 1);
}

static int turn(struct service *service, bool is_idle)
{
	int r = sd_event_run(service_event(service), is_idle ? IDLE_US : 0);

	must(r >= 0 && sd_event_get_state(service_event(service)) != SD_EVENT_FINISHED);
	return r;
}

void varlink_peer_leave(struct service *service)
{
	leave();
	while (turn(service, false) > 0)
		;
}

void varlink_peer_say(struct service *service, const char *bytes, size_t length, bool with_fds)
{
	auto_buf struct buf answers = BUF(ANSWERS_MAX);
	unsigned idle = 0;
	int r = 0;

	if (client_fd < 0)
		enter();
	if (!(with_fds ? write_with_fds(bytes, length) : write_all(bytes, length, NULL, 0)) ||
	    !write_all(last_call, sizeof(last_call), NULL, 0))
		r = -1;
	for (unsigned n = 0; n < TURNS_MAX && idle < IDLE_MAX && r >= 0; n++) {
		bool has_run = turn(service, idle > 0) > 0;

		r = take(&answers);
		idle = has_run || r > 0 ? 0 : idle + 1;
		if (is_answered(&answers))
			break;
	}
	check(&answers);
	if (!is_answered(&answers))
		varlink_peer_leave(service);
}

static void empty(int fd)
{
	DIR *list = fdopendir(fd);
	const struct dirent *entry;

	while (list && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (entry->d_type == DT_DIR) {
			empty(openat(dirfd(list), entry->d_name,
				     O_RDONLY | O_DIRECTORY | O_CLOEXEC));
			(void)unlinkat(dirfd(list), entry->d_name, AT_REMOVEDIR);
		} else {
			(void)unlinkat(dirfd(list), entry->d_name, 0);
		}
	}
	if (list)
		(void)closedir(list);
}

static int open_folder(void)
{
	return dir_open_configured(folder, O_RDONLY | O_DIRECTORY, 0);
}

static void remove_folder(void)
{
	empty(open_folder());
	(void)rmdir(folder);
}

int varlink_peer_folder(void)
{
	auto_fd int fd = -1;

	if (has_folder) {
		empty(open_folder());
	} else {
		must(mkdtemp(folder) != NULL && atexit(remove_folder) == 0);
		has_folder = true;
	}
	fd = open_folder(); /* the inherited descriptor may be free just now, and is not to be this
			     */
	return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, SPARE_FD_MIN);
}
