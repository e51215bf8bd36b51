/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l2-kernel/cage-halt.h"

#include "base/cleanup.h"
#include "base/dir.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	TASKS_MAX = 1024, /* twice what spec/tables/profiles allows one cage */
	TASKS_TEXT_MAX = TASKS_MAX * 12,
	STAT_BYTES_MAX = 1024,
	PATH_BYTES = 64,
	FLAGS_FIELD = 6, /* spaces between the state and the flags */
	EXITING = 0x4,   /* PF_EXITING */
};

struct tasks {
	uint32_t ids[TASKS_MAX];
	size_t n;
};

static int read_tasks(const struct cage_cgroups *groups, const struct cage_cgroup *cgroup,
		      struct tasks *ret)
{
	auto_buf struct buf text = BUF(TASKS_TEXT_MAX);
	bool v1 = groups->bounds[CGROUP_PIDS] == LAUNCH_BOUND_CGROUP_V1;
	char path[PATH_BYTES];
	uint32_t id = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", cgroup->name, /* fits */
		       v1 ? "tasks" : "cgroup.threads");
	r = dir_read(groups->folder_fds[CGROUP_PIDS], path, &text);
	if (r < 0)
		return r;
	ret->n = 0;
	for (const char *at = buf_string(&text); *at; at++) {
		if (*at >= '0' && *at <= '9') {
			id = id * 10 + (uint32_t)(*at - '0');
			continue;
		}
		if (ret->n == TASKS_MAX)
			return -E2BIG;
		ret->ids[ret->n++] = id;
		id = 0;
	}
	return 0;
}

/* The text of /proc/ID/stat behind the name, which may hold anything: " S ppid pgrp …". */
static bool is_exiting_stat(const char *stat)
{
	const char *at = strrchr(stat, ')');
	uint32_t flags = 0;

	if (!at || at[1] != ' ')
		return false;
	at += 2;
	if (*at == 'Z' || *at == 'X')
		return true;
	for (int field = 0; field < FLAGS_FIELD && at; field++)
		at = (at = strchr(at, ' ')) ? at + 1 : NULL;
	for (; at && *at >= '0' && *at <= '9'; at++)
		flags = flags * 10 + (uint32_t)(*at - '0');
	return flags & EXITING;
}

static bool is_exiting(uint32_t id)
{
	auto_buf struct buf text = BUF(STAT_BYTES_MAX);
	char path[PATH_BYTES];
	auto_fd int fd = -1;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", id); /* fits */
	fd = dir_open_configured(path, O_RDONLY, 0);
	r = fd < 0 ? fd : dir_read_fd(fd, &text);
	if (r == -ENOENT || r == -ESRCH)
		return true; /* it is gone */
	return r == 0 && is_exiting_stat(buf_string(&text));
}

static bool holds(const struct tasks *tasks, uint32_t id)
{
	for (size_t i = 0; i < tasks->n; i++)
		if (tasks->ids[i] == id)
			return true;
	return false;
}

bool cage_has_halted(const struct cage_cgroups *groups, const struct cage_cgroup *cgroup)
{
	struct tasks before, after;

	if (!cgroup->name[0] || groups->folder_fds[CGROUP_PIDS] < 0 ||
	    read_tasks(groups, cgroup, &before) < 0)
		return false;
	/* the youngest are killed last: most looks end with the first one */
	for (size_t i = before.n; i-- > 0;)
		if (!is_exiting(before.ids[i]))
			return false;
	/* what one of them forked before it was on its way out is in the list by now */
	if (read_tasks(groups, cgroup, &after) < 0)
		return false;
	for (size_t i = 0; i < after.n; i++)
		if (!holds(&before, after.ids[i]))
			return false;
	return true;
}
