/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/confine.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "harness/tap.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* A process that has given up its rights cannot be searched for leaks: LeakSanitizer needs ptrace.
 */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

enum { DAEMON_UID = 64809, STATUS_MAX_BYTES = 8192 };

/* The leak check at exit makes a tracing thread, which the filter refuses. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static const struct landlock_path paths[] = { { .path = "/", .rights = LANDLOCK_READ } };

static struct confine_options options(void)
{
	return (struct confine_options){
		.uid = DAEMON_UID,
		.gid = DAEMON_UID,
		.limits = { .processes = 10,
			    .open_files = 32,
			    .file_bytes = 1 << 20,
			    .data_bytes = CONFINE_UNLIMITED, /* a sanitizer maps much */
			    .cpu_seconds = CONFINE_UNLIMITED },
		.close_from = 3,
		.parent_death_signal = SIGKILL,
		.paths = paths,
		.n_paths = 1,
		.profile = "daemon"
	};
}

/* The text behind a name in /proc/self/status, up to the end of its line. */
static const char *status(const char *name)
{
	static char line[64];
	auto_buf struct buf text = BUF(STATUS_MAX_BYTES);
	auto_fd int fd = openat(AT_FDCWD, "/proc/self/status", O_RDONLY);
	const char *at;

	EXPECT_INT(dir_read_fd(fd, &text), ==, 0);
	at = strstr(buf_string(&text), name);
	EXPECT_INT(at == NULL, ==, 0);
	at += strlen(name);
	(void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	return line;
}

TEST(a_daemon_keeps_no_right)
{
	struct confine_options o = options();
	struct error err = { 0 };
	int signal_number = 0;

	if (geteuid() != 0)
		SKIP("root");
	EXPECT_OK(confine_apply(&o, &err), &err);
	EXPECT_STR(status("\nUid:\t"), "64809\t64809\t64809\t64809");
	EXPECT_STR(status("\nGid:\t"), "64809\t64809\t64809\t64809");
	EXPECT_STR(status("\nGroups:\t"), " ");
	EXPECT_STR(status("\nCapInh:\t"), "0000000000000000");
	EXPECT_STR(status("\nCapPrm:\t"), "0000000000000000");
	EXPECT_STR(status("\nCapEff:\t"), "0000000000000000");
	EXPECT_STR(status("\nCapBnd:\t"), "0000000000000000");
	EXPECT_STR(status("\nCapAmb:\t"), "0000000000000000");
	EXPECT_STR(status("\nNoNewPrivs:\t"), "1");
	EXPECT_STR(status("\nSeccomp:\t"), "2");
	EXPECT_INT(prctl(PR_GET_PDEATHSIG, &signal_number, 0, 0, 0), ==, 0);
	EXPECT_INT(signal_number, ==, SIGKILL);
}

TEST(the_launcher_keeps_what_it_was_given_and_can_hand_it_on_by_exec)
{
	struct confine_options o = options();
	struct error err = { 0 };

	if (geteuid() != 0)
		SKIP("root");
	o.uid = o.gid = 0;
	o.keep_capabilities = UINT64_C(1) << CAP_SYS_ADMIN | UINT64_C(1) << CAP_SETUID;
	EXPECT_OK(confine_apply(&o, &err), &err);
	EXPECT_STR(status("\nCapPrm:\t"), "0000000000200080");
	EXPECT_STR(status("\nCapEff:\t"), "0000000000200080");
	EXPECT_STR(status("\nCapBnd:\t"), "0000000000200080");
	EXPECT_STR(status("\nCapAmb:\t"), "0000000000200080");
}

TEST(limits_are_hard_and_core_dumps_are_off)
{
	struct confine_options o = options();
	struct error err = { 0 };
	struct rlimit limit;

	if (geteuid() != 0)
		SKIP("root");
	EXPECT_OK(confine_apply(&o, &err), &err);
	EXPECT_INT(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
	EXPECT_INT(limit.rlim_max, ==, 32);
	EXPECT_INT(getrlimit(RLIMIT_CORE, &limit), ==, 0);
	EXPECT_INT(limit.rlim_max, ==, 0);
	EXPECT_INT(getrlimit(RLIMIT_NPROC, &limit), ==, 0);
	EXPECT_INT(limit.rlim_cur, ==, 10);
}

TEST(descriptors_above_are_closed_by_the_exec_only)
{
	struct confine_options o = options();
	struct error err = { 0 };
	int fd = openat(AT_FDCWD, "/dev/null", O_RDWR);

	if (geteuid() != 0)
		SKIP("root");
	o.close_from = fd;
	EXPECT_OK(confine_apply(&o, &err), &err);
	EXPECT_INT(fcntl(fd, F_GETFD), ==, FD_CLOEXEC);
}

TEST(an_unknown_profile_is_an_error_before_anything_is_given_up)
{
	struct confine_options o = options();
	uid_t before = geteuid();

	o.profile = "daemons";
	EXPECT_INT(confine_apply(&o, NULL), ==, -ENOENT);
	EXPECT_INT(geteuid(), ==, before);
}
