/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/probe.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "l2-kernel/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/lsm.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	LSM_IDS_MAX = 64,
	MOUNTS_BYTES_MAX = 1024 * 1024,
	CONTROLLERS_BYTES_MAX = 4096,
	PATH_BYTES = 512,
	LANDLOCK_ABI_SCOPED = 6,
};

void probe_set(struct probe_result *ret, enum probe_state state, const char *fmt, ...)
{
	va_list ap;

	ret->state = state;
	va_start(ap, fmt);
	(void)vsnprintf(ret->detail, sizeof(ret->detail), fmt, ap); /* a long detail may be cut */
	va_end(ap);
}

static void probe_kernel(struct probe_result *ret)
{
	struct utsname name;

	if (uname(&name) < 0)
		probe_set(ret, PROBE_UNKNOWN, "%s", strerror(errno));
	else
		probe_set(ret, PROBE_YES, "%.64s %.64s", name.release, name.machine);
}

/* The errno of act in a child: what it changes ends with the child. */
static int try_in_child(int (*act)(int argument), int argument)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid == 0)
		_exit(act(argument) < 0 ? errno & 0xFF : 0);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

static int act_unshare(int flags)
{
	return unshare(flags);
}

static void probe_namespaces(struct probe_result *ret)
{
	static const struct {
		int flag;
		const char *name;
	} kinds[] = {
		{ CLONE_NEWPID, "pid" }, { CLONE_NEWNS, "mount" }, { CLONE_NEWNET, "net" },
		{ CLONE_NEWIPC, "ipc" }, { CLONE_NEWUTS, "uts" },  { CLONE_NEWCGROUP, "cgroup" },
	};
	int code = try_in_child(act_unshare, CLONE_NEWUSER);

	if (code != 0) {
		probe_set(ret, PROBE_NO, "user namespace: %s", strerror(code));
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		code = try_in_child(act_unshare, CLONE_NEWUSER | kinds[i].flag);
		if (code != 0) {
			probe_set(ret, PROBE_NO, "%s namespace: %s", kinds[i].name, strerror(code));
			return;
		}
	}
	probe_set(ret, PROBE_YES, "user pid mount net ipc uts cgroup");
}

static void probe_landlock(struct probe_result *ret)
{
	int abi = landlock_abi();

	if (abi < 0)
		probe_set(ret, PROBE_NO, "%s", strerror(-abi));
	else
		probe_set(ret, abi >= LANDLOCK_ABI_SCOPED ? PROBE_YES : PROBE_PARTLY, "ABI %d%s",
			  abi, abi >= LANDLOCK_ABI_SCOPED ? "" : ": no scoped signals and sockets");
}

static void probe_seccomp(struct probe_result *ret)
{
	uint32_t kill_process = SECCOMP_RET_KILL_PROCESS, notify = SECCOMP_RET_USER_NOTIF;

	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill_process) < 0)
		probe_set(ret, PROBE_NO, "%s", strerror(errno));
	else
		probe_set(ret, PROBE_YES, "filters, kill-process%s",
			  syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &notify) == 0
				  ? ", user notification"
				  : "");
}

/* Where a file system of this type is mounted; a text of the kernel's mount table. */
static bool find_mount(const char *text, const char *type, char ret[PATH_BYTES])
{
	char wanted[64];

	(void)snprintf(wanted, sizeof(wanted), " - %s ", type);
	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");
		const char *mark = memmem(line, n, wanted, strlen(wanted)), *at = line;

		for (unsigned field = 0; mark && at && field < 4; field++) {
			at = memchr(at, ' ', (size_t)(mark - at));
			at = at ? at + 1 : NULL;
		}
		if (mark && at) {
			size_t length = strcspn(at, " ");

			if (length < PATH_BYTES) {
				memcpy(ret, at, length);
				ret[length] = '\0';
				return true;
			}
		}
		line += n + (line[n] == '\n');
	}
	return false;
}

static int read_path(const char *path, struct buf *text)
{
	auto_fd int fd = dir_open_configured(path, O_RDONLY, 0);

	return fd < 0 ? fd : dir_read_fd(fd, text);
}

static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n)
		if ((at == text || strchr(" \n", at[-1])) && strchr(" \n", at[n]))
			return true;
	return false;
}

static void probe_cgroup(struct probe_result *ret)
{
	auto_buf struct buf mounts = BUF(MOUNTS_BYTES_MAX), text = BUF(CONTROLLERS_BYTES_MAX);
	char where[PATH_BYTES], path[PATH_BYTES + 32];
	int r = read_path("/proc/self/mountinfo", &mounts);

	if (r < 0 || !find_mount(buf_string(&mounts), "cgroup2", where)) {
		probe_set(ret, r < 0 ? PROBE_UNKNOWN : PROBE_NO, "%s",
			  r < 0 ? strerror(-r) : "no cgroup v2 is mounted");
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/cgroup.controllers", where);
	r = read_path(path, &text);
	if (r < 0) {
		probe_set(ret, PROBE_UNKNOWN, "%s: %s", path, strerror(-r));
		return;
	}
	buf_truncate(&text, strcspn(buf_string(&text), "\n"));
	if (has_word(buf_string(&text), "memory") && has_word(buf_string(&text), "pids"))
		probe_set(ret, PROBE_YES, "%.80s", buf_string(&text));
	else
		probe_set(ret, PROBE_PARTLY, "v2 has only: %.80s", buf_string(&text));
}

static void probe_openat2(struct probe_result *ret)
{
	auto_fd int fd = dir_open(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);

	probe_set(ret, fd < 0 ? PROBE_NO : PROBE_YES, "%s",
		  fd < 0 ? strerror(-fd) : "paths resolve beneath a descriptor");
}

static void probe_memfd(struct probe_result *ret)
{
	auto_fd int fd = dir_sealed_memfd("probe", "x", 1);

	if (fd < 0)
		probe_set(ret, PROBE_NO, "%s", strerror(-fd));
	else if (write(fd, "y", 1) >= 0)
		probe_set(ret, PROBE_NO, "a sealed memfd can be written");
	else
		probe_set(ret, PROBE_YES, "sealed");
}

static void probe_mount_api(struct probe_result *ret)
{
	auto_fd int fd = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	int code = errno;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

	if (fd < 0)
		probe_set(ret, code == EPERM ? PROBE_PARTLY : PROBE_NO, "%s", strerror(code));
	else if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		probe_set(ret, PROBE_NO, "mount_setattr: %s", strerror(errno));
	else
		probe_set(ret, PROBE_YES, "open_tree, mount_setattr");
}

static void probe_pidfd(struct probe_result *ret)
{
	auto_fd int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	probe_set(ret, fd < 0 ? PROBE_NO : PROBE_YES, "%s",
		  fd < 0 ? strerror(errno) : "pidfd_open");
}

static void probe_keyring(struct probe_result *ret)
{
	long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1);

	probe_set(ret, id < 0 ? PROBE_NO : PROBE_YES, "%s",
		  id < 0 ? strerror(errno) : "process keyring");
}

/* The security modules in force, by the kernel's own list (Linux 6.8). */
static bool list_modules(uint64_t ids[LSM_IDS_MAX], size_t *ret_n)
{
	uint32_t size = LSM_IDS_MAX * sizeof(ids[0]);
	long n = syscall(SYS_lsm_list_modules, ids, &size, 0);

	*ret_n = n < 0 ? 0 : (size_t)n;
	return n >= 0;
}

static void probe_module(struct probe_result *ret, uint64_t wanted)
{
	uint64_t ids[LSM_IDS_MAX];
	size_t n;

	if (!list_modules(ids, &n)) {
		probe_set(ret, PROBE_UNKNOWN, "the kernel does not list its security modules: %s",
			  strerror(errno));
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (ids[i] == wanted) {
			probe_set(ret, PROBE_YES, "in force");
			return;
		}
	}
	probe_set(ret, PROBE_NO, "not among the %zu security modules in force", n);
}

static void probe_bpf_lsm(struct probe_result *ret)
{
	probe_module(ret, LSM_ID_BPF);
	if (ret->state == PROBE_YES)
		probe_set(ret, PROBE_PARTLY,
			  "the module is in force; loading a program was not tried");
}

static void probe_apparmor(struct probe_result *ret)
{
	probe_module(ret, LSM_ID_APPARMOR);
}

static void probe_tpm(struct probe_result *ret)
{
	auto_fd int fd = dir_open_configured("/dev/tpmrm0", O_RDWR, 0);

	probe_set(ret, fd < 0 ? PROBE_NO : PROBE_YES, "%s", fd < 0 ? strerror(-fd) : "/dev/tpmrm0");
}

const struct probe probe_table[] = {
	{ "kernel", probe_kernel, true, "" },
	{ "namespaces", probe_namespaces, true, "no cage can be made: tools are refused" },
	{ "seccomp", probe_seccomp, true, "no cage can be made: tools are refused" },
	{ "Landlock", probe_landlock, true, "no cage can be made: tools are refused" },
	{ "mount API", probe_mount_api, true, "no cage can be made: tools are refused" },
	{ "openat2", probe_openat2, true, "paths cannot be resolved safely: nothing starts" },
	{ "memfd seals", probe_memfd, true,
	  "prompts and keys cannot be handed over: nothing starts" },
	{ "pidfd", probe_pidfd, true,
	  "processes cannot be watched without a race: nothing starts" },
	{ "cgroup v2", probe_cgroup, false,
	  "memory and processes of a cage are bounded by other means (see cage)" },
	{ "keyring", probe_keyring, false, "nothing uses it yet; the vault will" },
	{ "BPF LSM", probe_bpf_lsm, false, "nothing uses it yet; the monitor will" },
	{ "AppArmor", probe_apparmor, false, "nothing uses it yet; the image will" },
	{ "TPM", probe_tpm, false, "nothing is sealed to this machine" },
};
const size_t probe_table_count = sizeof(probe_table) / sizeof(probe_table[0]);
