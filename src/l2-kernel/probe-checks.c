/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/probe-checks.h"

#include "base/cleanup.h"
#include "l2-kernel/idmap.h"
#include "l2-kernel/probe-attempts.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_BYTES = 4096, STREAM_FD = 3, OPEN_FILES_MAX = 4096, NOT_THERE = -ENOENT };

/* What could not be looked at counts as found: an attempt that was not made proves nothing. */
enum { FOUND = 0 };

static int read_text(const char *path, char ret[TEXT_BYTES])
{
	auto_fd int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, TEXT_BYTES - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';
	return 0;
}

int probe_foreign_root(void)
{
	struct stat own, other;

	if (stat("/", &own) < 0)
		return FOUND;
	if (stat("/proc/1/root/..", &other) < 0)
		return -errno;
	return own.st_dev == other.st_dev && own.st_ino == other.st_ino ? NOT_THERE : FOUND;
}

int probe_openat2(void)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC };
	auto_fd int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", &how, sizeof(how));

	return fd < 0 ? -errno : FOUND;
}

static int write_below(const char *folder, const char *name)
{
	auto_fd int fd = openat(AT_FDCWD, folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EOPNOTSUPP) { /* a file system without nameless files */
		fd = openat(AT_FDCWD, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		(void)unlink(name);
	}
	if (fd < 0)
		return -errno;
	return write(fd, "x", 1) == 1 ? FOUND : -errno;
}

int probe_write_workspace(void)
{
	return write_below("/workspace", "/workspace/.claw-cageprobe");
}

int probe_write_tmp(void)
{
	return write_below("/tmp", "/tmp/.claw-cageprobe");
}

int probe_run_program(void)
{
	static const char *const argv[] = { "true", NULL };
	pid_t pid = fork();
	int status;

	/* where fork is refused the exec is tried all the same; it would end the report with it */
	if (pid <= 0) {
		(void)execve("/usr/bin/true", (char *const *)(uintptr_t)argv, NULL);
		if (pid < 0)
			return -errno;
		_exit(EXIT_FAILURE);
	}
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status == 0 ? FOUND : -EACCES;
}

/* True when the map file holds exactly the one line of a cage: "65534 65534 1", in columns. */
static bool is_cage_map(const char *path)
{
	static const unsigned wanted[] = { CAGE_ID, CAGE_ID, 1 };
	enum { FIELDS = sizeof(wanted) / sizeof(wanted[0]) };
	char text[TEXT_BYTES];
	unsigned value = 0;
	size_t n = 0;

	if (read_text(path, text) < 0)
		return false;
	for (const char *at = text; *at; at++) {
		if (*at >= '0' && *at <= '9') {
			value = value * 10 + (unsigned)(*at - '0');
			continue;
		}
		if (at == text || at[-1] < '0' || at[-1] > '9')
			continue;
		if (n == FIELDS || value != wanted[n])
			return false;
		value = 0;
		n++;
	}
	return n == FIELDS;
}

int probe_other_id(void)
{
	uid_t uids[3];
	gid_t gids[3];

	if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) < 0 || getgroups(0, NULL) != 0)
		return FOUND;
	for (int i = 0; i < 3; i++)
		if (uids[i] != CAGE_ID || gids[i] != CAGE_ID)
			return FOUND;
	return is_cage_map("/proc/self/uid_map") && is_cage_map("/proc/self/gid_map") ? NOT_THERE
										      : FOUND;
}

/* The value of a line of /proc/self/status, NULL when there is none. */
static const char *status_value(char text[TEXT_BYTES], const char *name)
{
	const char *at = read_text("/proc/self/status", text) < 0 ? NULL : strstr(text, name);

	return at ? at + strlen(name) : NULL;
}

int probe_capability(void)
{
	static const char *const sets[] = { "\nCapInh:\t", "\nCapPrm:\t", "\nCapEff:\t",
					    "\nCapBnd:\t", "\nCapAmb:\t" };
	char text[TEXT_BYTES];

	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const char *value = status_value(text, sets[i]);

		if (!value || strncmp(value, "0000000000000000\n", 17) != 0)
			return FOUND;
	}
	return NOT_THERE;
}

int probe_new_privileges(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? NOT_THERE : FOUND;
}

int probe_unfiltered(void)
{
	char text[TEXT_BYTES];
	const char *value = status_value(text, "\nSeccomp:\t");

	return value && value[0] == '2' ? NOT_THERE : FOUND;
}

int probe_securebits(void)
{
	int locked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
	int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	if (bits < 0 || (bits & locked) != locked)
		return FOUND;
	return prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0 ? -errno : FOUND;
}

int probe_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FOUND;
	limit.rlim_max++;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : FOUND;
}

int probe_core(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_CORE, &limit) < 0)
		return FOUND;
	return limit.rlim_max == 0 ? NOT_THERE : FOUND;
}

int probe_descriptors(void)
{
	struct stat st;

	for (int fd = 0; fd < STREAM_FD; fd++)
		if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
			return FOUND; /* not /dev/null */
	for (int fd = STREAM_FD + 1; fd < OPEN_FILES_MAX; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return FOUND;
	return NOT_THERE;
}

int probe_environment(void)
{
	static const char *const foreign[] = { "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET", "TZ",
					       "LD_PRELOAD" };

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		if (getenv(foreign[i]))
			return FOUND;
	return getenv("PATH") && strcmp(getenv("HOME"), "/tmp") == 0 ? NOT_THERE : FOUND;
}

int probe_processes(void)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int others = 0;

	if (!proc)
		return FOUND;
	while ((entry = readdir(proc)))
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    strcmp(entry->d_name, "1") != 0)
			others++;
	(void)closedir(proc); /* nothing was written */
	return others == 0 ? NOT_THERE : FOUND;
}

int probe_parent(void)
{
	return getpid() == 1 && getppid() == 0 && getsid(0) == 1 ? NOT_THERE : FOUND;
}

int probe_interfaces(void)
{
	char text[TEXT_BYTES];
	const char *line;
	int foreign = 0;

	if (read_text("/proc/self/net/dev", text) < 0)
		return -ENOENT;
	/* two lines of heading, then one per interface */
	line = strchr(text, '\n');
	line = line ? strchr(line + 1, '\n') : NULL;
	while (line && line[1]) {
		const char *name = line + 1 + strspn(line + 1, " ");

		foreign += strncmp(name, "lo:", 3) != 0;
		line = strchr(line + 1, '\n');
	}
	return foreign == 0 ? NOT_THERE : FOUND;
}

int probe_outside_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	auto_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path + 1, PROBE_OUTSIDE_SOCKET, sizeof(PROBE_OUTSIDE_SOCKET) - 1);
	if (connect(fd, (const struct sockaddr *)&address,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				sizeof(PROBE_OUTSIDE_SOCKET))) < 0)
		return -errno;
	return FOUND;
}
