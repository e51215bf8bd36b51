/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/workspace.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/number.h"
#include "l2-kernel/cage-owner.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int add_escaped(const char *path, struct buf *out)
{
	int r = 0;

	for (; *path && r == 0; path++) {
		if (*path == '\n')
			r = buf_add_string(out, "\\n");
		else if (*path == '\\')
			r = buf_add_string(out, "\\\\");
		else
			r = buf_add_char(out, *path);
	}
	return r;
}

int workspace_line(uint32_t number, const char *path, bool writable, struct buf *out)
{
	int r = buf_printf(out, "%u %s ", number, writable ? "rw" : "ro");

	if (r == 0)
		r = add_escaped(path, out);
	return r < 0 ? r : buf_add_char(out, '\n');
}

static int line_number(const char *line, size_t length, unsigned where, uint32_t *ret,
		       struct error *err)
{
	char digits[16] = { 0 };
	size_t n = strcspn(line, " \n");
	uint64_t number;

	if (n < sizeof(digits))
		memcpy(digits, line, n);
	if (n >= sizeof(digits) || length < n + 4 ||
	    number_parse_u64(digits, 1, WORKSPACE_NUMBER_MAX, &number) < 0)
		return FAIL(err, -EINVAL, "workspaces:%u: expected \"number ro|rw path\"", where);
	*ret = (uint32_t)number;
	return 0;
}

int workspace_number(const char *text, const char *path, bool writable, uint32_t *ret,
		     bool *ret_new, struct error *err)
{
	uint32_t highest = 0, number = 0;
	unsigned where = 1;

	for (const char *at = text; *at; where++) {
		auto_buf struct buf same = BUF(WORKSPACE_FILE_MAX);
		size_t n = strcspn(at, "\n");
		int r = line_number(at, n, where, &number, err);

		if (r < 0)
			return r;
		r = workspace_line(number, path, writable, &same);
		if (r < 0)
			return FAIL(err, r, "the path is too long");
		if (same.length == n + 1 && memcmp(same.data, at, n) == 0) {
			*ret = number;
			*ret_new = false;
			return 0;
		}
		if (number > highest)
			highest = number;
		at += n + (at[n] == '\n');
	}
	if (highest == WORKSPACE_NUMBER_MAX)
		return FAIL(err, -EDQUOT, "no number is left for another workspace");
	*ret = highest + 1;
	*ret_new = true;
	return 0;
}

/* The path of an open directory as the kernel knows it: links resolved, absolute. */
static int path_of(int fd, char ret[PATH_MAX], struct error *err)
{
	char name[64];
	ssize_t n;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, ret, PATH_MAX);
	if (n < 0 || n == PATH_MAX)
		return FAIL(err, n < 0 ? -errno : -ENAMETOOLONG, "the workspace's path: %s",
			    strerror(n < 0 ? errno : ENAMETOOLONG));
	ret[n] = '\0';
	return 0;
}

static int hand_over(int run_fd, uint32_t number, int fd, bool writable, struct error *err)
{
	auto_fd int socket_fd = cage_owner_connect(run_fd, "sandbox", err);

	return socket_fd < 0
		       ? socket_fd
		       : cage_owner_workspace(
				 socket_fd, number, fd,
				 writable ? LAUNCH_MODE_WRITABLE : LAUNCH_MODE_READ_ONLY, err);
}

/* The kernel's paths: is one the other, or below it? */
static bool is_within(const char *path, const char *folder)
{
	size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Keys, rules and the list of workspaces lie in the state: no tool reads or changes them. */
static int check_apart(int state_fd, const char *path, struct error *err)
{
	char state[PATH_MAX], own[PATH_MAX + sizeof("/workspace")];
	int r = path_of(state_fd, state, err);

	if (r < 0)
		return r;
	(void)snprintf(own, sizeof(own), "%s/workspace", state); /* fits */
	if (is_within(state, path) || (is_within(path, state) && !is_within(path, own)))
		return FAIL(
			err, -EPERM,
			"keys and rules of this system lie in %s, which tools may not see; choose "
			"another directory",
			state);
	return 0;
}

/* Written down when it is one: what cannot be a workspace would be missed at every start. */
static int add_workspace(int state_fd, int run_fd, int fd, const char *path, bool writable,
			 uint32_t *ret, struct error *err)
{
	auto_buf struct buf text = BUF(WORKSPACE_FILE_MAX);
	bool is_new = false;
	int r = dir_read(state_fd, "workspaces", &text);

	if (r < 0 && r != -ENOENT)
		return FAIL(err, r, "workspaces: %s", strerror(-r));
	r = workspace_number(buf_string(&text), path, writable, ret, &is_new, err);
	if (r == 0)
		r = hand_over(run_fd, *ret, fd, writable, err);
	if (r < 0 || !is_new)
		return r;
	r = workspace_line(*ret, path, writable, &text);
	if (r == 0)
		r = dir_replace(state_fd, "workspaces", text.data, text.length, 0600);
	return r < 0 ? FAIL(err, r, "workspaces: %s", strerror(-r)) : 0;
}

int workspace_register(int state_fd, int run_fd, const char *path, bool writable, uint32_t *ret,
		       struct error *err)
{
	auto_fd int fd = dir_open_configured(path, O_RDONLY | O_DIRECTORY, 0);
	auto_fd int lock_fd = dir_open(run_fd, "workspaces", O_RDWR | O_CREAT, 0600);
	char absolute[PATH_MAX];
	uint32_t number = 0;
	int r;

	if (fd < 0)
		return FAIL(err, fd, "workspace %s: %s", path, strerror(-fd));
	if (lock_fd < 0 || flock(lock_fd, LOCK_EX) < 0) /* two claws may register at once */
		return FAIL(err, -EIO, "run/workspaces cannot be locked");
	r = path_of(fd, absolute, err);
	if (r == 0)
		r = check_apart(state_fd, absolute, err);
	if (r == 0)
		r = add_workspace(state_fd, run_fd, fd, absolute, writable, &number, err);
	if (r < 0)
		return error_prefix(err, "workspace %s", path);
	*ret = number;
	return 0;
}
