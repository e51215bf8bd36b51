/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "harness/tap.h"
#include "l2-kernel/probe-attempts.h"
#include "l2-kernel/probe-checks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(every_attempt_has_a_name_of_its_own_that_fits)
{
	for (size_t i = 0; i < PROBE_ATTEMPTS; i++) {
		EXPECT_INT(probe_attempts[i].name == NULL, ==, 0);
		EXPECT_INT(strlen(probe_attempts[i].name), <, PROBE_NAME_BYTES);
		for (size_t j = 0; j < i; j++)
			EXPECT_INT(strcmp(probe_attempts[i].name, probe_attempts[j].name), !=, 0);
	}
}

TEST(attempts_that_work_somewhere_are_checks_not_bare_calls)
{
	for (size_t i = 0; i < PROBE_ATTEMPTS; i++)
		if (probe_attempts[i].works)
			EXPECT_INT(probe_attempts[i].make == NULL, ==, 0);
}

/* A test process is in no cage: what must not be there is found, so a check that cannot find fails
 * here. */
TEST(outside_a_cage_the_forbidden_is_found)
{
	EXPECT_INT(probe_other_id(), ==, 0);
	EXPECT_INT(probe_unfiltered(), ==, 0);
	EXPECT_INT(probe_securebits(), ==, 0);
	EXPECT_INT(probe_descriptors(), ==, 0);
	EXPECT_INT(probe_environment(), ==, 0);
	EXPECT_INT(probe_processes(), ==, 0);
	EXPECT_INT(probe_parent(), ==, 0);
	EXPECT_INT(probe_run_program(), ==, 0);
	EXPECT_INT(probe_write_tmp(), ==, 0);
}

/*
 * A world without a cage, made anew for each attempt, in which every attempt can be done: so one
 * that never could is noticed. What is done in it stays in it: mounts, names, files and processes
 * are its own.
 */

enum { WORLD_FD = 3, PATH_BYTES = 64, OTHERS = 1 };
#define INTERFACES "heading\nheading\n    lo: 0\n  eth0: 0\n"
#define CAP(name) (UINT64_C(1) << (name))
#define NEEDED_CAPABILITIES \
	(CAP(CAP_SYS_ADMIN) | CAP(CAP_SYS_MODULE) | CAP(CAP_SYS_BOOT) | CAP(CAP_SYS_TIME) | \
	 CAP(CAP_SYS_PACCT) | CAP(CAP_SYSLOG) | CAP(CAP_NET_RAW) | CAP(CAP_MKNOD) | \
	 CAP(CAP_SYS_CHROOT) | CAP(CAP_SYS_PTRACE))

static uint64_t permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };

	EXPECT_INT(syscall(SYS_capget, &header, sets), ==, 0);
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3;
	     i++) /* an ambient one has to be inheritable */
		sets[i].inheritable = sets[i].permitted;
	EXPECT_INT(syscall(SYS_capset, &header, sets), ==, 0);
	return sets[0].permitted | (uint64_t)sets[1].permitted << 32;
}

static void put(const char *path, const char *text)
{
	int fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	EXPECT_INT(write(fd, text, strlen(text)), ==, strlen(text));
	close(fd);
}

static void fill_world(void)
{
	static const char *const folders[] = {
		"usr",     "etc",        "proc",       "dev",         "tmp",    "run",
		"root",    "home",       "workspace",  "sys",         "clawos", "sys/kernel",
		"etc/net", "clawos/bin", "clawos/run", "clawos/state"
	};
	static const char *const files[] = { "etc/passwd",
					     "etc/shadow",
					     "dev/mem",
					     "dev/kmsg",
					     "dev/tty",
					     "dev/ptmx",
					     "clawos/bin/claw-cageprobe" };
	static const char *const programs[] = { "bin", "lib", "lib64" };
	char source[PATH_BYTES], target[PATH_BYTES];

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		EXPECT_INT(mkdir(folders[i], 0755), ==, 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		put(files[i], "");
	put("etc/net/dev", INTERFACES);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		(void)snprintf(source, sizeof(source), "/usr/%s", programs[i]);
		(void)snprintf(target, sizeof(target), "usr/%s", programs[i]);
		if (faccessat(AT_FDCWD, source, F_OK, 0) < 0)
			continue; /* no lib64 on every architecture */
		EXPECT_INT(mkdir(target, 0755), ==, 0);
		EXPECT_INT(mount(source, target, NULL, MS_BIND | MS_REC, NULL), ==, 0);
		EXPECT_INT(symlinkat(target, AT_FDCWD, programs[i]), ==, 0);
	}
}

static void enter_world(void)
{
	EXPECT_INT(unshare(CLONE_NEWNS | CLONE_NEWUTS), ==, 0);
	EXPECT_INT(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), ==, 0);
	EXPECT_INT(mount("world", "/tmp", "tmpfs", 0, NULL), ==, 0);
	EXPECT_INT(chdir("/tmp"), ==, 0);
	fill_world();
	EXPECT_INT(syscall(SYS_pivot_root, ".", "."), ==, 0);
	EXPECT_INT(umount2(".", MNT_DETACH), ==, 0);
	EXPECT_INT(chdir("/"), ==, 0);
	EXPECT_INT(mount("proc", "/proc", "proc", 0, NULL), ==, 0);
	EXPECT_INT(mount("tmp", "/tmp", "tmpfs", 0, NULL), ==, 0);
	EXPECT_INT(mount("workspace", "/workspace", "tmpfs", 0, NULL), ==, 0);
	EXPECT_INT(mount("/etc/net", "/proc/self/net", NULL, MS_BIND, NULL), ==, 0);
}

/* Standard input and the stream are what they are in a cage. */
static void arrange_descriptors(void)
{
	int null_fd = openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
	int pair[2];

	EXPECT_INT(dup2(null_fd, STDIN_FILENO), ==, STDIN_FILENO);
	EXPECT_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	EXPECT_INT(dup2(pair[0], WORLD_FD), ==, WORLD_FD);
}

/* What this kernel or this machine has not at all, so that nothing can be proven with it. */
static bool is_absent(const struct probe_attempt *attempt, int code, uint64_t capabilities)
{
	if (attempt->call == SYS_socket)
		return code == EAFNOSUPPORT;
	if (attempt->call == SYS_openat && code == ENOENT)
		return strncmp((const char *)attempt->arguments[1], "/proc/", 6) == 0;
	if (attempt->make == probe_raise_limit ||
	    (attempt->call == SYS_prctl && attempt->arguments[0] == PR_SET_MM))
		return code == EPERM && !(capabilities & CAP(CAP_SYS_RESOURCE));
	if (attempt->call == SYS_io_uring_setup || attempt->call == SYS_kexec_load)
		return code == EPERM || code == ENOSYS; /* may be off for everybody */
	return !attempt->make && code == ENOSYS;
}

/* 0 when it was done, else errno. */
static int attempt_outside(const struct probe_attempt *attempt)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		arrange_descriptors();
		enter_world();
		_exit(-probe_attempt_make(attempt));
	}
	EXPECT_INT(waitpid(pid, &status, 0), ==, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static void listen_outside(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path + 1, PROBE_OUTSIDE_SOCKET, sizeof(PROBE_OUTSIDE_SOCKET) - 1);
	EXPECT_INT(bind(fd, (const struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				    sizeof(PROBE_OUTSIDE_SOCKET))),
		   ==, 0);
	EXPECT_INT(listen(fd, OTHERS), ==, 0);
}

/* Process 1 of a pid namespace, with one more to be seen and signalled. */
static int attempt_all(uint64_t capabilities)
{
	int failed = 0;
	pid_t other;

	listen_outside();
	other = fork();
	if (other == 0) {
		(void)pause();
		_exit(EXIT_SUCCESS);
	}
	for (size_t i = 0; i < PROBE_ATTEMPTS; i++) {
		int code = attempt_outside(&probe_attempts[i]);

		if (code == 0)
			continue;
		if (is_absent(&probe_attempts[i], code, capabilities)) {
			printf("# not on this machine: %s\n", probe_attempts[i].name);
			continue;
		}
		printf("# refused although nothing forbids it: %s: %s\n", probe_attempts[i].name,
		       strerror(code));
		failed++;
	}
	return failed;
}

TEST(outside_a_cage_every_attempt_is_done)
{
	uint64_t capabilities;
	int status = 0;
	pid_t pid;

	if (geteuid() != 0)
		SKIP("root");
	capabilities = permitted();
	if ((capabilities & NEEDED_CAPABILITIES) != NEEDED_CAPABILITIES ||
	    prctl(PR_GET_SECCOMP) != 0)
		SKIP("every capability, and no filter");
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	EXPECT_INT(waitpid(pid, &status, 0), ==, pid);
	if (status)
		SKIP("a root that is not a chroot (pivot_root refuses)");
	fflush(stdout);
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | SIGCHLD, 0, 0,
			     0, 0);
	if (pid == 0) {
		int failed = attempt_all(capabilities);

		fflush(stdout);
		_exit(failed);
	}
	EXPECT_INT(waitpid(pid, &status, 0), ==, pid);
	EXPECT_INT(status, ==, 0);
}
