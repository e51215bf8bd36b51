/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/rootfs.h"

#include "harness/tap.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TMP_MIB = 1, KIB = 1024 };

static void require_root(void)
{
	pid_t pid;
	int status = 0;

	if (geteuid() != 0)
		SKIP("root");
	pid = fork();
	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0);
	EXPECT_INT(waitpid(pid, &status, 0), ==, pid);
	if (status)
		SKIP("a root that is not a chroot (pivot_root refuses)");
}

static int failure(long result)
{
	return result < 0 ? errno : 0;
}

/* The plan of most tests, and the root made from it. */
static void enter(const struct rootfs_bind *binds, size_t n_binds)
{
	static const char *const dirs[] = { "clawos/state", NULL };
	static const struct rootfs_file files[] = { { "etc/passwd", "root:x:0:0::/:/bin/sh\n" } };
	static const struct rootfs_link links[] = { { "var/tmp", "/tmp" } };
	const struct rootfs_plan plan = {
		.binds = binds,
		.n_binds = n_binds,
		.dirs = dirs,
		.files = files,
		.n_files = 1,
		.links = links,
		.n_links = 1,
		.usr_links = true,
		.dev = true,
		.proc = ROOTFS_PROC_HIDDEN,
		.tmp_mib = TMP_MIB,
	};
	struct error err = { 0 };

	require_root();
	EXPECT_OK(rootfs_separate(&err), &err);
	EXPECT_OK(rootfs_become(&plan, &err), &err);
}

static const struct rootfs_bind usr = { .source = "/usr", .target = "usr" };

TEST(only_what_the_plan_names_is_there)
{
	char link[16] = { 0 };

	enter(&usr, 1);
	EXPECT_INT(failure(faccessat(AT_FDCWD, "/root", F_OK, 0)), ==, ENOENT);
	EXPECT_INT(failure(faccessat(AT_FDCWD, "/sys", F_OK, 0)), ==, ENOENT);
	EXPECT_INT(failure(faccessat(AT_FDCWD, "/etc/shadow", F_OK, 0)), ==, ENOENT);
	EXPECT_INT(faccessat(AT_FDCWD, "/etc/passwd", R_OK, 0), ==, 0);
	EXPECT_INT(faccessat(AT_FDCWD, "/clawos/state", X_OK, 0), ==, 0);
	EXPECT_INT(readlink("/bin", link, sizeof(link) - 1), >, 0);
	EXPECT_STR(link, "usr/bin");
	EXPECT_INT(faccessat(AT_FDCWD, "/bin/sh", X_OK, 0), ==, 0);
	EXPECT_INT(failure(faccessat(AT_FDCWD, "/proc/meminfo", F_OK, 0)), ==, ENOENT);
}

TEST(the_root_and_read_only_binds_are_not_written)
{
	enter(&usr, 1);
	EXPECT_INT(failure(mkdir("/x", 0700)), ==, EROFS);
	EXPECT_INT(failure(mkdir("/usr/x", 0700)), ==, EROFS);
	EXPECT_INT(failure(openat(AT_FDCWD, "/etc/passwd", O_WRONLY)), ==, EROFS);
}

TEST(tmp_is_as_large_as_the_plan_says)
{
	struct statfs fs;
	struct stat st;

	enter(&usr, 1);
	EXPECT_INT(statfs("/tmp", &fs), ==, 0);
	EXPECT_INT((uint64_t)fs.f_blocks * (uint64_t)fs.f_bsize, ==, TMP_MIB * KIB * KIB);
	EXPECT_INT(stat("/tmp", &st), ==, 0);
	EXPECT_INT(st.st_mode & 07777, ==, 01777);
}

TEST(devices_work_where_they_should_and_nowhere_else)
{
	char byte = 'x';
	int fd;

	enter(&usr, 1);
	fd = openat(AT_FDCWD, "/dev/null", O_RDWR);
	EXPECT_INT(fd, >=, 0);
	EXPECT_INT(write(fd, &byte, 1), ==, 1);
	fd = openat(AT_FDCWD, "/dev/zero", O_RDONLY);
	EXPECT_INT(read(fd, &byte, 1), ==, 1);
	EXPECT_INT(byte, ==, 0);
	EXPECT_INT(mknod("/tmp/null", S_IFCHR | 0666, (dev_t)(1 << 8 | 3)), ==, 0);
	EXPECT_INT(failure(openat(AT_FDCWD, "/tmp/null", O_RDWR)), ==, EACCES);
}

TEST(writable_binds_write_through_and_optional_ones_may_be_missing)
{
	char folder[] = "/tmp/claw-rootfs-XXXXXX";
	const struct rootfs_bind binds[] = {
		usr,
		{ .source = folder, .target = "clawos/state", .flags = ROOTFS_WRITABLE },
		{ .source = folder, .target = "copy" },
		{ .source = "/nonexistent", .target = "none", .flags = ROOTFS_OPTIONAL },
		{ .source = "/etc/passwd", .target = "a/file/here" },
	};
	struct stat st, seen;
	int before;

	EXPECT_INT(mkdtemp(folder) == NULL, ==, 0);
	before = openat(AT_FDCWD, folder, O_PATH);
	enter(binds, sizeof(binds) / sizeof(binds[0]));
	EXPECT_INT(mkdir("/clawos/state/x", 0700), ==, 0);
	EXPECT_INT(fstatat(before, "x", &st, 0), ==, 0);
	EXPECT_INT(stat("/copy/x", &seen), ==, 0);
	EXPECT_INT(st.st_ino, ==, seen.st_ino);
	EXPECT_INT(failure(mkdir("/copy/y", 0700)), ==, EROFS);
	EXPECT_INT(failure(faccessat(AT_FDCWD, "/none", F_OK, 0)), ==, ENOENT);
	EXPECT_INT(stat("/a/file/here", &seen), ==, 0);
	EXPECT_INT(S_ISREG(seen.st_mode), ==, 1);
	EXPECT_INT(rmdir("/clawos/state/x"), ==, 0);
}

TEST(a_source_that_is_missing_is_named)
{
	const struct rootfs_bind bind = { .source = "/nonexistent", .target = "x" };
	struct error err = { 0 };

	require_root();
	EXPECT_OK(rootfs_separate(&err), &err);
	EXPECT_INT(rootfs_become(&(struct rootfs_plan){ .binds = &bind, .n_binds = 1 }, &err), ==,
		   -ENOENT);
	EXPECT_STR(err.text, "/nonexistent: No such file or directory");
}

TEST(no_target_leads_out_of_the_new_root)
{
	const struct rootfs_bind bind = { .source = "/usr", .target = "../out" };
	struct error err = { 0 };

	require_root();
	EXPECT_OK(rootfs_separate(&err), &err);
	EXPECT_INT(rootfs_become(&(struct rootfs_plan){ .binds = &bind, .n_binds = 1 }, &err), <,
		   0);
}

TEST(user_namespaces_can_be_made_in_the_new_root)
{
	enter(&usr, 1);
	EXPECT_INT(unshare(CLONE_NEWUSER), ==, 0);
}
