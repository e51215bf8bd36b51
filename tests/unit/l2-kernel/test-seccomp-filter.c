/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/seccomp-filter.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "harness/tap.h"
#include "l2-kernel/launch-record.h"
#include "l2-kernel/syscall-table.h"

#include <linux/openat2.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A process that has given up its rights cannot be searched for leaks: LeakSanitizer needs ptrace.
 */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

enum { COMPAT_GETPID = 20, X32_BIT = 0x40000000 };

/* The leak check at exit makes a tracing thread, which is what these filters refuse. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static void load(const char *profile)
{
	struct seccomp_filter *filter;
	struct error err = { 0 };

	EXPECT_OK(seccomp_filter_make(profile, &filter, &err), &err);
	EXPECT_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	EXPECT_OK(seccomp_filter_load(filter, &err), &err);
	seccomp_filter_free(filter);
}

/* The errno of a call that has to fail. */
static int failure(long result)
{
	return result < 0 ? errno : 0;
}

TEST(every_call_of_the_table_exists_on_x86_64_or_aarch64)
{
	for (size_t i = 0; i < syscall_table_count; i++) {
		const char *name = syscall_table[i].name;

		if (seccomp_syscall_resolve_name_arch(SCMP_ARCH_X86_64, name) < 0 &&
		    seccomp_syscall_resolve_name_arch(SCMP_ARCH_AARCH64, name) < 0)
			tap_fail(__FILE__, __LINE__, "no architecture has %s", name);
	}
}

TEST(a_profile_that_is_not_in_the_table_is_refused)
{
	struct seccomp_filter *filter = NULL;

	EXPECT_INT(seccomp_filter_make("reed", &filter, NULL), ==, -ENOENT);
	EXPECT_INT(filter == NULL, ==, 1);
}

TEST(every_profile_compiles_and_is_loaded_twice_filtered)
{
	for (size_t i = 0; syscall_profiles[i]; i++) {
		struct seccomp_filter *filter;
		struct error err = { 0 };

		EXPECT_OK(seccomp_filter_make(syscall_profiles[i], &filter, &err), &err);
		EXPECT_INT(seccomp_filter_length(filter), >, 200);
		seccomp_filter_free(filter);
	}
	load("execute");
	EXPECT_INT(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), ==, 2);
}

TEST(execute_has_only_local_sockets)
{
	load("execute");
	EXPECT_INT(failure(socket(AF_INET, SOCK_STREAM, 0)), ==, EAFNOSUPPORT);
	EXPECT_INT(failure(socket(AF_NETLINK, SOCK_RAW, 0)), ==, EAFNOSUPPORT);
	EXPECT_INT(failure(syscall(SYS_socket, UINT64_C(1) << 32 | AF_INET, SOCK_STREAM, 0)), ==,
		   EAFNOSUPPORT);
	EXPECT_INT(socket(AF_UNIX, SOCK_STREAM, 0), >=, 0);
}

TEST(the_nameless_reach_no_socket_by_its_name)
{
	struct seccomp_filter *filter;
	struct error err = { 0 };
	int pair[2];

	EXPECT_OK(seccomp_filter_make_nameless(&filter, &err), &err);
	EXPECT_INT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
	EXPECT_OK(seccomp_filter_load(filter, &err), &err);
	seccomp_filter_free(filter);
	load("execute"); /* the profile comes after it */
	EXPECT_INT(failure(connect(-1, NULL, 0)), ==, EACCES);
	EXPECT_INT(failure(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), ==, EACCES);
	EXPECT_INT(failure(socket(AF_UNIX, SOCK_RAW, 0)), ==, EACCES);
	EXPECT_INT(failure(syscall(SYS_socket, AF_UNIX, UINT64_C(1) << 32 | SOCK_DGRAM, 0)), ==,
		   EACCES);
	EXPECT_INT(failure(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair)), ==, EACCES);
	EXPECT_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
	EXPECT_INT(socket(AF_UNIX, SOCK_SEQPACKET, 0), >=, 0);
}

TEST(daemon_net_reaches_the_network_and_no_raw_packets)
{
	load("daemon-net");
	EXPECT_INT(socket(AF_INET, SOCK_STREAM, 0), >=, 0);
	EXPECT_INT(failure(socket(AF_PACKET, SOCK_RAW, 0)), ==, ENOSYS);
}

TEST(no_profile_makes_a_set_id_file)
{
	char path[] = "/tmp/claw-set-id-XXXXXX";
	int fd = mkstemp(path);

	load("execute");
	EXPECT_INT(fd, >=, 0);
	EXPECT_INT(failure(fchmod(fd, 04755)), ==, EPERM);
	EXPECT_INT(failure(chmod(path, 02755)), ==, EPERM);
	EXPECT_INT(failure(fchmodat(AT_FDCWD, path, 06755, 0)), ==, EPERM);
	EXPECT_INT(fchmod(fd, 0755), ==, 0);
	EXPECT_INT(unlink(path), ==, 0);
	EXPECT_INT(failure(openat(AT_FDCWD, path, O_CREAT | O_WRONLY, 04755)), ==, EPERM);
	EXPECT_INT(failure(openat(AT_FDCWD, "/tmp", O_TMPFILE | O_WRONLY, 04755)), ==, EPERM);
}

TEST(clone_makes_children_but_no_namespaces)
{
	pid_t pid;

	load("execute");
	EXPECT_INT(failure(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)), ==, EPERM);
	EXPECT_INT(failure(syscall(SYS_clone3, NULL, 0)), ==, ENOSYS);
	pid = fork();
	if (pid == 0)
		_exit(0);
	EXPECT_INT(pid, >, 0);
	EXPECT_INT(waitpid(pid, NULL, 0), ==, pid);
}

TEST(the_launcher_makes_cages_and_reaches_nothing_else)
{
	load("launcher");
	/* these get as far as their arguments or rights */
	EXPECT_INT(failure(syscall(SYS_clone3, NULL, 0)), ==, EINVAL);
	EXPECT_INT(failure(syscall(SYS_landlock_create_ruleset, NULL, 0, 1 << 1)), !=, ENOSYS);
	EXPECT_INT(failure(syscall(SYS_fsopen, NULL, 0)), !=, ENOSYS);
	EXPECT_INT(prctl(PR_CAPBSET_READ, 0, 0, 0, 0), >=, 0);
	EXPECT_INT(failure(prctl(PR_SET_SECUREBITS, UINT32_MAX, 0, 0, 0)), !=, ENOSYS);
	/* these are away */
	EXPECT_INT(failure(socket(AF_INET, SOCK_STREAM, 0)), ==, EAFNOSUPPORT);
	EXPECT_INT(failure(prctl(PR_SET_MM, 0, 0, 0, 0)), ==, ENOSYS);
	EXPECT_INT(failure(syscall(SYS_setns, 0, 0)), ==, EPERM);
	EXPECT_INT(failure(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)), ==, EPERM);
	EXPECT_INT(failure(syscall(SYS_fanotify_init, 0, 0)), ==, ENOSYS);
	/* and a cage's own filter, above it, is what counts in a cage */
	load("read");
	EXPECT_INT(failure(syscall(SYS_clone3, NULL, 0)), ==, ENOSYS);
	EXPECT_INT(failure(syscall(SYS_fsopen, NULL, 0)), ==, EPERM);
}

TEST(every_call_of_a_cage_is_one_of_the_launcher)
{
	size_t launcher = 0;

	while (syscall_profiles[launcher] && strcmp(syscall_profiles[launcher], "launcher") != 0)
		launcher++;
	for (size_t i = 0; i < syscall_table_count; i++)
		for (size_t cage = 0; cage < LAUNCH_PROFILE_COUNT; cage++) {
			uint8_t inside = syscall_table[i].rules[cage];
			uint8_t outside = syscall_table[i].rules[launcher];

			if (inside != SYSCALL_NONE && inside != SYSCALL_DENY &&
			    (outside == SYSCALL_NONE || outside == SYSCALL_DENY))
				tap_fail(__FILE__, __LINE__, "a cage cannot call %s",
					 syscall_table[i].name);
		}
}

TEST(read_makes_no_children)
{
	load("read");
	EXPECT_INT(failure(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)), ==, ENOSYS);
}

TEST(a_terminal_request_is_refused_whatever_its_high_bits)
{
	char byte = 'x';

	load("execute");
	EXPECT_INT(failure(syscall(SYS_ioctl, 0, TIOCSTI, &byte)), ==, ENOSYS);
	EXPECT_INT(failure(syscall(SYS_ioctl, 0, UINT64_C(1) << 32 | TIOCSTI, &byte)), ==, ENOSYS);
}

TEST(files_are_opened_below_a_folder_where_openat2_is_away)
{
	struct open_how how = { .flags = O_PATH };
	char folder[] = "/tmp/claw-walk-XXXXXX";
	int folder_fd;

	EXPECT_INT(mkdtemp(folder) == NULL, ==, 0);
	folder_fd = openat(AT_FDCWD, folder, O_PATH);
	EXPECT_INT(mkdirat(folder_fd, "a", 0700), ==, 0);
	EXPECT_INT(symlinkat("a", folder_fd, "link"), ==, 0);
	load("execute");
	EXPECT_INT(failure(syscall(SYS_openat2, folder_fd, "a", &how, sizeof(how))), ==, ENOSYS);
	EXPECT_INT(dir_open(folder_fd, "a//file", O_CREAT | O_WRONLY, 0600), >=, 0);
	EXPECT_INT(dir_open(folder_fd, "a/", O_PATH | O_DIRECTORY, 0), >=, 0);
	EXPECT_INT(dir_open(folder_fd, "a/../..", O_PATH, 0), ==, -EXDEV);
	EXPECT_INT(dir_open(folder_fd, "/etc", O_PATH, 0), ==, -EXDEV);
	EXPECT_INT(dir_open(folder_fd, "", O_PATH, 0), ==, -ENOENT);
	EXPECT_INT(dir_open(folder_fd, "link", O_PATH, 0), ==, -ELOOP);
	EXPECT_INT(dir_open(folder_fd, "link", O_PATH | O_NOFOLLOW, 0), >=, 0);
	EXPECT_INT(dir_open(folder_fd, "link/file", O_RDONLY, 0), <, 0);
	EXPECT_INT(dir_open_configured("/dev/null", O_RDONLY, 0), >=, 0);
	EXPECT_INT(unlinkat(folder_fd, "a/file", 0), ==, 0);
	EXPECT_INT(unlinkat(folder_fd, "a", AT_REMOVEDIR), ==, 0);
	EXPECT_INT(unlinkat(folder_fd, "link", 0), ==, 0);
	EXPECT_INT(rmdir(folder), ==, 0);
}

#ifdef __x86_64__
static int status_of(void (*act)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		load("execute");
		act();
		_exit(0);
	}
	EXPECT_INT(waitpid(pid, &status, 0), ==, pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void call_compat(void)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"((long)COMPAT_GETPID) : "memory");
	(void)result;
}

static void call_x32(void)
{
	(void)syscall(X32_BIT | SYS_getpid);
}

TEST(calls_of_other_architectures_kill)
{
	EXPECT_INT(status_of(call_compat), ==, SIGSYS);
	EXPECT_INT(status_of(call_x32), ==, SIGSYS);
}
#endif
