/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/cage-cgroup.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

enum {
	TEXT_BYTES = 24,
	FILE_MAX_BYTES = 4096,
	FOLDER_MODE = 0755,
	TRIAL_MEMORY_MIB = 16,
	TRIAL_PROCESSES = 4,
	ENTER_TRIES = 3,
	MEMORY_PERCENT = 75, /* of the machine, for all cages together */
	PROCESSES_ALL = 8192,
};
#define PREFIX "cage-"
#define CONTROLLERS_V2 "+memory +pids"

static const char *const controller_names[] = { "memory", "pids" };

/* Whole-word search in the text of cgroup.controllers. */
static bool has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *at = text; (at = strstr(at, word)); at += n)
		if ((at == text || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\n' || !at[n]))
			return true;
	return false;
}

static bool offers(int folder_fd, const char *controller)
{
	auto_buf struct buf text = BUF(FILE_MAX_BYTES);

	return dir_read(folder_fd, "cgroup.controllers", &text) == 0 &&
	       has_word(buf_string(&text), controller);
}

static int write_file(int folder_fd, const char *name, const char *text)
{
	auto_fd int fd = dir_open(folder_fd, name, O_WRONLY, 0);

	return fd < 0 ? fd : dir_write_all(fd, text, strlen(text));
}

static int make_folder(int folder_fd, const char *name)
{
	if (mkdirat(folder_fd, name, FOLDER_MODE) < 0 && errno != EEXIST)
		return -errno;
	return dir_open(folder_fd, name, O_RDONLY | O_DIRECTORY, 0);
}

/* clawos.slice/tools below the root of a hierarchy; in v2 with the controllers passed down. */
static int open_tools(int hierarchy_fd, bool v2)
{
	static const char *const path[] = { "clawos.slice", "tools" };
	auto_fd int at = dir_open(hierarchy_fd, ".", O_RDONLY | O_DIRECTORY, 0);

	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]) && at >= 0; i++) {
		int r = v2 ? write_file(at, "cgroup.subtree_control", CONTROLLERS_V2) : 0;
		int next = r < 0 ? r : make_folder(at, path[i]);

		close_fd(&at);
		at = next;
	}
	if (at >= 0 && v2) {
		int r = write_file(at, "cgroup.subtree_control", CONTROLLERS_V2);

		if (r < 0)
			return r;
	}
	return take_fd(&at);
}

/* Groups of a claw-sandboxd that was killed are empty by now; those in use cannot be removed. */
static void sweep(int folder_fd)
{
	int fd = dir_open(folder_fd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!folder) {
		close_fd(&fd);
		return;
	}
	while ((entry = readdir(folder)))
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) == 0)
			(void)unlinkat(folder_fd, entry->d_name, AT_REMOVEDIR); /* EBUSY: in use */
	(void)closedir(folder); /* nothing was written */
}

static int open_hierarchy(int root_fd, const char *name)
{
	return dir_open(root_fd, name, O_RDONLY | O_DIRECTORY, 0);
}

static void find_v2(struct cage_cgroups *groups, int root_fd, const char *name)
{
	auto_fd int fd = open_hierarchy(root_fd, name);

	if (fd < 0 || !offers(fd, "memory") || !offers(fd, "pids"))
		return;
	groups->folder_fds[CGROUP_MEMORY] = open_tools(fd, true);
	if (groups->folder_fds[CGROUP_MEMORY] < 0)
		return;
	groups->folder_fds[CGROUP_PIDS] =
		fcntl(groups->folder_fds[CGROUP_MEMORY], F_DUPFD_CLOEXEC, 0);
	groups->bounds[CGROUP_MEMORY] = groups->bounds[CGROUP_PIDS] = LAUNCH_BOUND_CGROUP_V2;
	groups->shared = true;
}

static void find_v1(struct cage_cgroups *groups, int root_fd, int controller)
{
	auto_fd int fd = open_hierarchy(root_fd, controller_names[controller]);

	if (fd < 0 || faccessat(fd, "tasks", F_OK, 0) < 0)
		return;
	groups->folder_fds[controller] = open_tools(fd, false);
	if (groups->folder_fds[controller] >= 0)
		groups->bounds[controller] = LAUNCH_BOUND_CGROUP_V1;
}

void cage_cgroups_fini(struct cage_cgroups *groups)
{
	for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
		close_fd(&groups->folder_fds[i]);
		groups->folder_fds[i] = -1;
		groups->bounds[i] = LAUNCH_BOUND_RLIMIT;
	}
	groups->shared = false;
}

/* Does it work on this machine? Tried with a child of our own. */
static bool holds(const struct cage_cgroups *groups)
{
	struct cage_cgroup cgroup = { "" };
	int pair[2], r;
	char hold;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return false;
	pid = fork();
	if (pid == 0) {
		(void)close(pair[1]);
		(void)!read(pair[0], &hold, 1); /* until the parent has tried */
		_exit(0);
	}
	r = pid < 0 ? -errno
		    : cage_cgroup_enter(groups, pid, TRIAL_MEMORY_MIB, TRIAL_PROCESSES, &cgroup,
					NULL);
	(void)close(pair[0]);
	(void)close(pair[1]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0); /* it ends with the pipe */
	if (r < 0)
		return false;
	(void)cage_cgroup_leave(groups, &cgroup);
	return true;
}

static int set_limit(int group_fd, const char *name, uint64_t value, struct error *err)
{
	char text[TEXT_BYTES];
	int r;

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value); /* fits */
	r = write_file(group_fd, name, text);
	return r < 0 ? FAIL(err, r, "cgroup: %s: %s", name, strerror(-r)) : 0;
}

/*
 * All cages together: who asks for many large ones gets the machine's memory, but not the last of
 * it. Where it cannot be set (a file that a container may not write) each cage's own limit remains.
 */
static void limit_all(const struct cage_cgroups *groups)
{
	bool v2 = groups->bounds[CGROUP_MEMORY] == LAUNCH_BOUND_CGROUP_V2;
	struct sysinfo machine;

	if (groups->folder_fds[CGROUP_MEMORY] >= 0 && sysinfo(&machine) == 0)
		(void)set_limit(
			groups->folder_fds[CGROUP_MEMORY],
			v2 ? "memory.max" : "memory.limit_in_bytes",
			(uint64_t)machine.totalram * machine.mem_unit / 100 * MEMORY_PERCENT, NULL);
	if (groups->folder_fds[CGROUP_PIDS] >= 0)
		(void)set_limit(groups->folder_fds[CGROUP_PIDS], "pids.max", PROCESSES_ALL, NULL);
}

void cage_cgroups_open(const char *root, struct cage_cgroups *ret)
{
	struct cage_cgroups groups = { .folder_fds = { -1, -1 } };
	auto_fd int root_fd = dir_open_configured(root, O_RDONLY | O_DIRECTORY, 0);

	cage_cgroups_fini(&groups);
	if (root_fd >= 0) {
		find_v2(&groups, root_fd, ".");
		if (!groups.shared)
			find_v2(&groups, root_fd, "unified");
		for (int i = 0; i < CGROUP_CONTROLLERS; i++)
			if (groups.folder_fds[i] < 0)
				find_v1(&groups, root_fd, i);
		for (int i = 0; i < CGROUP_CONTROLLERS; i++)
			if (groups.folder_fds[i] >= 0)
				sweep(groups.folder_fds[i]);
		limit_all(&groups);
		if (!holds(&groups))
			cage_cgroups_fini(&groups);
	}
	*ret = groups;
}

/* A file that not every kernel has (swap accounting): where it is missing there is no swap to
 * bound. */
static int set_optional(int group_fd, const char *name, uint64_t value, struct error *err)
{
	return faccessat(group_fd, name, F_OK, 0) < 0 ? 0 : set_limit(group_fd, name, value, err);
}

static int limit_memory(const struct cage_cgroups *groups, int group_fd, uint64_t bytes,
			struct error *err)
{
	int r;

	if (groups->bounds[CGROUP_MEMORY] == LAUNCH_BOUND_CGROUP_V1) {
		r = set_limit(group_fd, "memory.limit_in_bytes", bytes, err);
		return r < 0 ? r
			     : set_optional(group_fd, "memory.memsw.limit_in_bytes", bytes, err);
	}
	r = set_limit(group_fd, "memory.max", bytes, err);
	if (r == 0)
		r = set_limit(group_fd, "memory.oom.group", 1, err);
	return r < 0 ? r : set_optional(group_fd, "memory.swap.max", 0, err);
}

static int enter_one(const struct cage_cgroups *groups, int controller, const char *name, pid_t pid,
		     uint32_t memory_mib, uint32_t processes, struct error *err)
{
	auto_fd int fd = make_folder(groups->folder_fds[controller], name);
	int r = 0;

	if (fd < 0)
		return FAIL(err, fd, "cgroup: %s/%s: %s", controller_names[controller], name,
			    strerror(-fd));
	if (controller == CGROUP_MEMORY)
		r = limit_memory(groups, fd, (uint64_t)memory_mib << 20, err);
	if (r == 0 && (controller == CGROUP_PIDS || groups->shared))
		r = set_limit(fd, "pids.max", processes, err);
	return r < 0 ? r : set_limit(fd, "cgroup.procs", (uint64_t)pid, err);
}

int cage_cgroup_enter(const struct cage_cgroups *groups, pid_t pid, uint32_t memory_mib,
		      uint32_t processes, struct cage_cgroup *ret, struct error *err)
{
	struct cage_cgroup cgroup = { "" };
	uint64_t salt;
	int r = -ENOENT;

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		return FAIL(err, -EIO, "cgroup: no random number");
	(void)snprintf(cgroup.name, sizeof(cgroup.name), PREFIX "%016llx", /* fits */
		       (unsigned long long)salt);
	/* another claw-sandboxd that starts may sweep a group between its making and its first
	 * process */
	for (int tries = 0; tries < ENTER_TRIES && r == -ENOENT; tries++) {
		r = 0;
		for (int i = 0; i < (groups->shared ? 1 : CGROUP_CONTROLLERS) && r == 0; i++)
			if (groups->folder_fds[i] >= 0)
				r = enter_one(groups, i, cgroup.name, pid, memory_mib, processes,
					      err);
	}
	if (r < 0)
		(void)cage_cgroup_leave(groups, &cgroup); /* what was made is still empty */
	else
		*ret = cgroup;
	return r;
}

/* The number behind "oom_kill " in memory.events (v2) or memory.oom_control (v1). */
static bool was_killed(int folder_fd, const char *name, enum launch_bound bound)
{
	static const char key[] = "oom_kill ";
	auto_buf struct buf text = BUF(FILE_MAX_BYTES);
	auto_fd int fd = dir_open(folder_fd, name, O_PATH | O_DIRECTORY, 0);
	const char *at;

	if (fd < 0 ||
	    dir_read(fd, bound == LAUNCH_BOUND_CGROUP_V2 ? "memory.events" : "memory.oom_control",
		     &text) < 0)
		return false;
	at = strstr(buf_string(&text), key);
	return at && at[sizeof(key) - 1] != '0';
}

bool cage_cgroup_leave(const struct cage_cgroups *groups, struct cage_cgroup *cgroup)
{
	bool killed = false;

	if (!cgroup->name[0])
		return false;
	if (groups->folder_fds[CGROUP_MEMORY] >= 0)
		killed = was_killed(groups->folder_fds[CGROUP_MEMORY], cgroup->name,
				    groups->bounds[CGROUP_MEMORY]);
	for (int i = 0; i < CGROUP_CONTROLLERS; i++)
		if (groups->folder_fds[i] >= 0)
			/* EBUSY: a last process is still being taken apart; the next start sweeps
			 */
			(void)unlinkat(groups->folder_fds[i], cgroup->name, AT_REMOVEDIR);
	cgroup->name[0] = '\0';
	return killed;
}
