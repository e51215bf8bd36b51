/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/landlock.h"

#include "base/cleanup.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ABI_TCP = 4, ABI_SCOPE = 6, PORT = 9 };

static char folder[] = "/tmp/claw-landlock-XXXXXX";

static void restrict_to(unsigned rights, unsigned flags)
{
	const struct landlock_path paths[] = {
		{ .path = "/", .rights = LANDLOCK_READ },
		{ .path = folder, .rights = rights },
		{ .path = "/nowhere", .rights = LANDLOCK_READ, .optional = true },
	};
	struct error err = { 0 };

	if (landlock_abi() < 0)
		SKIP("a kernel with Landlock (lsm=landlock)");
	if (!mkdtemp(folder))
		tap_fail(__FILE__, __LINE__, "mkdtemp: %s", strerror(errno));
	EXPECT_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	EXPECT_OK(landlock_restrict(paths, 3, flags, &err), &err);
}

static int failure(long result)
{
	return result < 0 ? errno : 0;
}

TEST(only_what_was_granted_is_written)
{
	int folder_fd;

	restrict_to(LANDLOCK_READ | LANDLOCK_WRITE, 0);
	folder_fd = openat(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY);
	EXPECT_INT(openat(folder_fd, "file", O_CREAT | O_WRONLY, 0600), >=, 0);
	EXPECT_INT(mkdirat(folder_fd, "sub", 0700), ==, 0);
	EXPECT_INT(renameat(folder_fd, "file", folder_fd, "sub/file"), ==, 0);
	EXPECT_INT(failure(openat(AT_FDCWD, "/tmp/claw-landlock-other", O_CREAT | O_WRONLY, 0600)),
		   ==, EACCES);
	EXPECT_INT(failure(mkfifoat(AT_FDCWD, "/tmp/claw-landlock-fifo", 0600)), ==, EACCES);
	EXPECT_INT(unlinkat(folder_fd, "sub/file", 0), ==, 0);
	EXPECT_INT(unlinkat(folder_fd, "sub", AT_REMOVEDIR), ==, 0);
}

TEST(nothing_is_executed_without_the_right)
{
	static const char *const argv[] = { "true", NULL };

	restrict_to(LANDLOCK_READ, 0);
	EXPECT_INT(failure(execv("/usr/bin/true", (char *const *)(uintptr_t)argv)), ==, EACCES);
}

TEST(a_missing_path_is_an_error_unless_optional)
{
	const struct landlock_path path = { .path = "/nowhere", .rights = LANDLOCK_READ };
	struct error err = { 0 };

	if (landlock_abi() < 0)
		SKIP("a kernel with Landlock (lsm=landlock)");
	EXPECT_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	EXPECT_INT(landlock_restrict(&path, 1, 0, &err), ==, -ENOENT);
	EXPECT_STR(err.text, "landlock: /nowhere: No such file or directory");
}

TEST(tcp_is_refused_unless_left_out)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (landlock_abi() < ABI_TCP)
		SKIP("Landlock ABI 4");
	restrict_to(LANDLOCK_READ, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_INT(failure(connect(fd, (struct sockaddr *)&address, sizeof(address))), ==, EACCES);
}

TEST(tcp_may_be_left_to_other_layers)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	restrict_to(LANDLOCK_READ, LANDLOCK_TCP);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_INT(failure(connect(fd, (struct sockaddr *)&address, sizeof(address))), !=, EACCES);
}

TEST(no_signal_and_no_abstract_socket_leaves_the_domain)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "\0claw-landlock-test" };
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 19;
	int listening = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int life[2];
	pid_t outside;
	char byte;

	if (landlock_abi() < ABI_SCOPE)
		SKIP("Landlock ABI 6");
	EXPECT_INT(bind(listening, (struct sockaddr *)&address, size), ==, 0);
	EXPECT_INT(listen(listening, 1), ==, 0);
	EXPECT_INT(pipe(life), ==, 0);
	outside = fork();
	if (outside == 0) {
		(void)close(life[1]);
		(void)!read(life[0], &byte, 1); /* until the test is over */
		_exit(0);
	}
	restrict_to(LANDLOCK_READ, 0);
	EXPECT_INT(failure(kill(outside, SIGTERM)), ==, EPERM);
	EXPECT_INT(failure(connect(fd, (struct sockaddr *)&address, size)), ==, EPERM);
}
