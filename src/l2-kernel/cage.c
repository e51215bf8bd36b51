/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/cage.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l2-kernel/cage-profile.h"
#include "l2-kernel/confine.h"
#include "l2-kernel/idmap.h"
#include "l2-kernel/rootfs.h"
#include "l2-kernel/seccomp-filter.h"

#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NAMESPACES \
	((uint64_t)(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | \
		    CLONE_NEWUTS | CLONE_NEWCGROUP))
#define MIB (UINT64_C(1) << 20)

/* Descriptors of the first process while it builds; all but the stream are closed by the exec. */
enum { FD_STREAM = 3, FD_FAILURE, FD_GO, FD_VIEW, FD_END };
enum { MOVED_ABOVE = 64, MILLISECONDS = 1000, TMP_MODE = 01777, FILE_MASK = 022 };

static const char *const program_paths[] = {
	[CAGE_TOOLWORK] = "/clawos/bin/claw-toolwork",
	[CAGE_PROBE] = "/clawos/bin/claw-cageprobe",
};
static const char *const environment[] = {
	"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
	"HOME=/tmp",
	"TMPDIR=/tmp",
	"LANG=C.UTF-8",
	"USER=nobody",
	"LOGNAME=nobody",
	"SHELL=/bin/bash",
	"TERM=dumb",
	"PWD=/workspace",
	NULL,
};

struct build {
	const struct cage_ground *ground;
	const struct cage_options *options;
	const struct cage_profile *profile;
	enum launch_stage stage;
	int shared_fd; /* the shared root, in the mount namespace of this cage */
};

/* Puts the four descriptors the first process needs where it expects them and closes all others. */
static int arrange_fds(struct build *build, int failure_fd, int go_fd, struct error *err)
{
	const int wanted[] = { build->options->stream_fd, failure_fd, go_fd,
			       build->options->view_fd };
	int moved[FD_END - FD_STREAM];

	for (int i = 0; i < FD_END - FD_STREAM; i++) {
		moved[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, MOVED_ABOVE);
		if (moved[i] < 0)
			return FAIL(err, -errno, "descriptors: %m");
	}
	for (int i = 0; i < FD_END - FD_STREAM; i++)
		if (dup3(moved[i], FD_STREAM + i, i == 0 ? 0 : O_CLOEXEC) < 0)
			return FAIL(err, -errno, "descriptors: %m");
	if (close_range(FD_END, ~0U, 0) < 0)
		return FAIL(err, -errno, "descriptors: %m");
	return 0;
}

/* While still the user who may walk there; that path is no business of the cage's. */
static int open_shared(struct build *build, struct error *err)
{
	const char *path = build->ground->root;

	build->shared_fd = dir_open_configured(path, O_PATH | O_DIRECTORY, 0);
	if (build->shared_fd < 0)
		return FAIL(err, build->shared_fd, "%s: %s", path, strerror(-build->shared_fd));
	return 0;
}

static int take_identity(struct build *build, struct error *err)
{
	(void)build;
	if (setresgid(CAGE_ID, CAGE_ID, CAGE_ID) < 0 || setresuid(CAGE_ID, CAGE_ID, CAGE_ID) < 0)
		return FAIL(err, -errno, "identity: %m");
	if (setsid() < 0)
		return FAIL(err, -errno, "session: %m");
	if (sethostname("cage", 4) < 0)
		return FAIL(err, -errno, "host name: %m");
	/* after the uid: changing it clears the signal */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return FAIL(err, -errno, "parent-death signal: %m");
	return 0;
}

/* claw-sandboxd may have died before the parent-death signal was set: then nobody reads. */
static bool parent_is_gone(void)
{
	struct pollfd reader = { .fd = FD_FAILURE };

	return poll(&reader, 1, 0) != 0;
}

static int attach_new(int mount_fd, int root_fd, const char *target, struct error *err)
{
	auto_fd int fd = mount_fd;

	return fd < 0 ? fd : rootfs_attach(fd, root_fd, target, err);
}

static int enter_root(struct build *build, struct error *err)
{
	const struct rootfs_bind shared = {
		.source_fd = build->shared_fd,
		.target = "/",
		.flags = ROOTFS_DEVICES,
	};
	uint32_t tmp_mib = build->profile->tmp_mib;
	struct mount_attr attr = { .propagation = MS_PRIVATE };
	auto_fd int root_fd = -1;
	int r;

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0)
		return FAIL(err, -errno, "private propagation: %m");
	root_fd = rootfs_clone_bind(&shared, err);
	if (root_fd < 0)
		return root_fd;
	if (move_mount(root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return FAIL(err, -errno, "root: %m");
	/* its files are memory of the cage: a full /tmp is an error before it is the end */
	if (tmp_mib > build->options->memory_mib / 2)
		tmp_mib = build->options->memory_mib / 2;
	r = attach_new(rootfs_new_proc(ROOTFS_PROC_HIDDEN, err), root_fd, "proc", err);
	if (r == 0)
		r = attach_new(rootfs_new_tmpfs(UINT64_C(1024) * tmp_mib, TMP_MODE, err), root_fd,
			       "tmp", err);
	if (r == 0)
		r = rootfs_attach(FD_VIEW, root_fd, "workspace", err);
	return r < 0 ? r : rootfs_enter(root_fd, err);
}

static int open_standard(struct build *build, struct error *err)
{
	auto_fd int null_fd = dir_open_configured("/dev/null", O_RDWR, 0);

	(void)build;
	if (null_fd < 0)
		return FAIL(err, null_fd, "/dev/null: %s", strerror(-null_fd));
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null_fd, fd) < 0)
			return FAIL(err, -errno, "standard descriptors: %m");
	return chdir("/workspace") < 0 ? FAIL(err, -errno, "/workspace: %m") : 0;
}

static int restrict_files(struct build *build, struct error *err)
{
	unsigned run = build->profile->any_program ? LANDLOCK_EXECUTE : 0;
	unsigned change = build->options->writable ? LANDLOCK_WRITE : 0;
	const struct landlock_path paths[] = {
		{ .path = "/", .rights = LANDLOCK_READ },
		{ .path = program_paths[build->options->program], .rights = LANDLOCK_EXECUTE },
		{ .path = "/lib64/ld-linux-x86-64.so.2",
		  .rights = LANDLOCK_EXECUTE,
		  .optional = true },
		{ .path = "/lib/ld-linux-aarch64.so.1",
		  .rights = LANDLOCK_EXECUTE,
		  .optional = true },
		{ .path = "/usr", .rights = LANDLOCK_READ | run },
		{ .path = "/dev", .rights = LANDLOCK_DEVICE },
		{ .path = "/tmp", .rights = LANDLOCK_READ | LANDLOCK_WRITE | run },
		{ .path = "/workspace", .rights = LANDLOCK_READ | change | run },
	};

	return landlock_restrict(paths, sizeof(paths) / sizeof(paths[0]), 0, err);
}

static int set_limits(struct build *build, struct error *err)
{
	const struct confine_limits limits = {
		.processes = build->profile->processes,
		.open_files = build->profile->open_files,
		.file_bytes = build->profile->file_mib * MIB,
		.data_bytes = build->options->memory_mib * MIB,
		.cpu_seconds = build->options->time_ms / MILLISECONDS + 1,
	};

	return confine_limits_apply(&limits, err);
}

static int drop_rights(struct build *build, struct error *err)
{
	int r = confine_capabilities(0, err);

	(void)build;
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = FAIL(err, -errno, "no_new_privs: %m");
	return r;
}

static int restrict_calls(struct build *build, struct error *err)
{
	int r = build->options->names_sockets ? 0
					      : seccomp_filter_load(build->ground->nameless, err);

	return r < 0 ? r
		     : seccomp_filter_load(build->ground->filters[build->options->profile], err);
}

/* The steps in order; build->stage says which one an error belongs to. */
static int build_cage(struct build *build, struct error *err)
{
	static const struct {
		enum launch_stage stage;
		int (*step)(struct build *build, struct error *err);
	} steps[] = {
		{ LAUNCH_STAGE_ROOTFS, open_shared },
		{ LAUNCH_STAGE_IDENTITY, take_identity },
		{ LAUNCH_STAGE_ROOTFS, enter_root },
		{ LAUNCH_STAGE_ROOTFS, open_standard },
		{ LAUNCH_STAGE_LIMITS, set_limits },
		{ LAUNCH_STAGE_CAPABILITIES, drop_rights },
		{ LAUNCH_STAGE_LANDLOCK, restrict_files },
		{ LAUNCH_STAGE_SECCOMP, restrict_calls },
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && r == 0; i++) {
		build->stage = steps[i].stage;
		r = steps[i].step(build, err);
	}
	return r;
}

static void execute(struct build *build, struct error *err)
{
	const char *path = program_paths[build->options->program];
	bool probe = build->options->program == CAGE_PROBE;
	const char *const argv[] = { strrchr(path, '/') + 1, probe ? build->profile->name : NULL,
				     build->options->writable ? "rw" : "ro", NULL };

	build->stage = LAUNCH_STAGE_EXEC;
	(void)execve(path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)environment);
	(void)FAIL(err, -errno, "%s: %m", path);
}

static _Noreturn void become_cage(struct build *build, int failure_fd, int go_fd)
{
	struct error err = { 0 };
	struct cage_failure failure = { 0 };
	const struct sigaction otherwise = { .sa_handler = SIG_DFL };
	sigset_t none;
	char go;
	int r;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail with these arguments */
	(void)umask(FILE_MASK);
	(void)sigaction(SIGPIPE, &otherwise, NULL); /* nor can this */
	build->stage = LAUNCH_STAGE_CLONE;
	r = arrange_fds(build, failure_fd, go_fd, &err);
	if (r == 0)
		failure_fd = FD_FAILURE;
	if (r == 0 && read(FD_GO, &go, 1) != 1)
		_exit(EXIT_FAILURE); /* the maps were not written: claw-sandboxd says why */
	if (r == 0)
		r = build_cage(build, &err);
	if (r == 0 && parent_is_gone())
		_exit(EXIT_FAILURE);
	if (r == 0)
		execute(build, &err);
	failure.error = -err.code;
	failure.stage = build->stage;
	(void)snprintf(failure.text, sizeof(failure.text), "%.*s", LAUNCH_TEXT_BYTES - 1, err.text);
	(void)!write(failure_fd, &failure, sizeof(failure)); /* its end is seen in any case */
	_exit(EXIT_FAILURE);
}

struct pipe_pair {
	int read_fd, write_fd;
};

static void close_pair(struct pipe_pair *pair)
{
	close_fd(&pair->read_fd);
	close_fd(&pair->write_fd);
}

static int open_pair(struct pipe_pair *pair)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pair->read_fd = fds[0];
	pair->write_fd = fds[1];
	return 0;
}

/* Clones; in the child this does not return. */
static int clone_cage(struct build *build, const struct pipe_pair *failure,
		      const struct pipe_pair *go, struct cage *ret)
{
	int pidfd = -1;
	struct clone_args args = {
		.flags = NAMESPACES | CLONE_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (pid == 0)
		become_cage(build, failure->write_fd, go->read_fd);
	ret->pid = (pid_t)pid;
	ret->pidfd = pidfd;
	return 0;
}

int cage_start(const struct cage_ground *ground, const struct cage_options *options,
	       struct cage *ret, enum launch_stage *ret_stage, struct error *err)
{
	CLEANUP(close_pair) struct pipe_pair failure = { -1, -1 }, go = { -1, -1 };
	struct build build = { .ground = ground,
			       .options = options,
			       .profile = &cage_profiles[options->profile],
			       .shared_fd = -1 };
	struct cage cage = { .pidfd = -1 };
	int r;

	*ret_stage = LAUNCH_STAGE_CLONE;
	r = open_pair(&failure);
	if (r == 0)
		r = open_pair(&go);
	if (r == 0)
		r = clone_cage(&build, &failure, &go, &cage);
	if (r < 0)
		return FAIL(err, r, "new namespaces: %s", strerror(-r));
	*ret_stage = LAUNCH_STAGE_IDMAP;
	r = idmap_write(cage.pid, CAGE_ID, CAGE_ID, err);
	if (r == 0) {
		*ret_stage = LAUNCH_STAGE_CGROUP;
		r = cage_cgroup_enter(&ground->cgroups, cage.pid, options->memory_mib,
				      build.profile->processes, &cage.cgroup, err);
	}
	if (r == 0 && write(go.write_fd, "", 1) != 1)
		r = FAIL(err, -errno, "start: %m");
	if (r == 0 && fcntl(failure.read_fd, F_SETFL, O_NONBLOCK) < 0)
		r = FAIL(err, -errno, "start: %m");
	if (r < 0) {
		cage_signal_kill(cage.pidfd);
		(void)waitid(P_PIDFD, (id_t)cage.pidfd, NULL, WEXITED);  /* it was killed */
		(void)cage_cgroup_leave(&ground->cgroups, &cage.cgroup); /* it did nothing yet */
		close_fd(&cage.pidfd);
		return r;
	}
	cage.failure_fd = take_fd(&failure.read_fd);
	*ret = cage;
	return 0;
}

int cage_read_failure(int failure_fd, enum cage_build *ret_build, struct cage_failure *ret)
{
	struct cage_failure failure;
	ssize_t n;

	do
		n = read(failure_fd, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0) {
		*ret_build = CAGE_BUILT;
		return 0;
	}
	if (n != sizeof(failure) || failure.stage >= LAUNCH_STAGE_END || failure.error <= 0)
		failure = (struct cage_failure){ EPROTO, LAUNCH_STAGE_CLONE, "garbled report" };
	failure.text[sizeof(failure.text) - 1] = '\0';
	*ret = failure;
	*ret_build = CAGE_FAILED;
	return 0;
}

static uint64_t microseconds(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

int cage_reap(int pidfd, struct cage_end *ret)
{
	struct rusage usage = { 0 };
	siginfo_t info = { 0 };

	/* the system call reports use, which the function of the C library does not */
	if (syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG, &usage) < 0)
		return -errno;
	if (info.si_pid == 0)
		return -EAGAIN;
	*ret = (struct cage_end){
		.status = info.si_code == CLD_EXITED ? info.si_status : 0,
		.term_signal = info.si_code == CLD_EXITED ? 0 : info.si_status,
		.cpu_us = microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime),
		.maxrss_kib = (uint64_t)usage.ru_maxrss,
	};
	return 0;
}

void cage_signal_kill(int pidfd)
{
	/* ESRCH: it has ended, which is what was wanted */
	(void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}
