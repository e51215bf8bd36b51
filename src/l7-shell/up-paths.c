/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Where the system's parts are: options, environment, and what the state remembers (L7). */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/up-internal.h"
#include "l7-shell/up.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SYSTEM_FILE_MAX = 6 * PATH_MAX };

static int state_path(const char *option, struct buf *ret, struct error *err)
{
	const char *state = option ? option : getenv("CLAWOS_STATE");
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	char cwd[PATH_MAX];
	int r;

	if (state && *state == '/')
		r = buf_add_string(ret, state);
	else if (state && *state)
		r = getcwd(cwd, sizeof(cwd)) ? buf_printf(ret, "%s/%s", cwd, state) : -errno;
	else if (geteuid() == 0)
		r = buf_add_string(ret, "/var/lib/clawos");
	else if (data && *data == '/')
		r = buf_printf(ret, "%s/clawos", data);
	else if (home && *home == '/')
		r = buf_printf(ret, "%s/.local/share/clawos", home);
	else
		return FAIL(err, -ENOENT, "no place for the state: give --state DIR or set HOME");
	return r < 0 ? FAIL(err, r, "state path: %s", strerror(-r)) : 0;
}

#define OWN_PLACE "; take a state of your own: --state DIR, or unset CLAWOS_STATE"

/* errno of a path on the way to the state, in words that say what to do. */
static int fail_path(int code, const char *what, const char *path, struct error *err)
{
	if (code == -EACCES || code == -EPERM)
		return FAIL(err, code, "you (user %u) may not %s %s" OWN_PLACE, geteuid(), what,
			    path);
	if (code == -EROFS)
		return FAIL(err, code, "cannot %s %s: the file system is read-only" OWN_PLACE, what,
			    path);
	if (code == -ENOTDIR || code == -ELOOP)
		return FAIL(err, code, "%s is no directory, so no state can be in it", path);
	return FAIL(err, code, "cannot %s %s: %s", what, path, strerror(-code));
}

/* Makes every missing directory on the way; the last one belongs to the person alone. */
static int make_path(const char *path, struct error *err)
{
	char step[PATH_MAX];
	size_t n = strlen(path);

	if (n >= sizeof(step))
		return FAIL(err, -ENAMETOOLONG, "state path is too long");
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(step, path, i);
		step[i] = '\0';
		if (mkdir(step, i == n ? 0700 : 0755) < 0 && errno != EEXIST)
			return fail_path(-errno, "make", step, err);
	}
	return 0;
}

/* What lies in the state is run and obeyed: it is the person's alone, or it is not used. */
static int check_owner(const char *path, struct error *err)
{
	/* by path only: whose it is can be said even where it may not be opened */
	auto_fd int fd = dir_open_configured(path, O_PATH | O_DIRECTORY, 0);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_path(fd < 0 ? fd : -errno, "reach", path, err);
	if (st.st_uid != geteuid())
		return FAIL(err, -EPERM,
			    "the state %s belongs to user %u%s, not to you (user %u): it is not"
			    " used" OWN_PLACE "%s",
			    path, st.st_uid, st.st_uid == 0 ? " (root)" : "", geteuid(),
			    st.st_uid == 0 ? ", or be root (sudo)" : "");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return FAIL(err, -EPERM, "the state %s may be written by others: chmod 700 it",
			    path);
	return 0;
}

static int replace(char **target, const char *value, size_t length)
{
	char *copy = strndup(value, length);

	if (!copy)
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

static int remember_line(struct up_paths *paths, const char *line, size_t length)
{
	const struct {
		const char *name;
		char **target;
	} names[] = { { "bin=", &paths->bin },
		      { "base=", &paths->base },
		      { "share=", &paths->share },
		      { "model=", &paths->model },
		      { "prefixes=", &paths->prefixes } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i].name);

		if (length > n && strncmp(line, names[i].name, n) == 0)
			return replace(names[i].target, line + n, length - n);
	}
	return 0;
}

static int remember(struct up_paths *paths, struct error *err)
{
	auto_buf struct buf text = BUF(SYSTEM_FILE_MAX);
	auto_fd int fd = dir_open_configured(paths->state, O_RDONLY | O_DIRECTORY, 0);
	int r = fd < 0 ? fd : dir_read(fd, "system", &text);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return FAIL(err, r, "%s/system: %s", paths->state, strerror(-r));
	for (const char *at = buf_string(&text); *at && r >= 0;) {
		size_t n = strcspn(at, "\n");

		r = remember_line(paths, at, n);
		at += n + (at[n] == '\n');
	}
	return r;
}

int up_paths_find(const char *state_option, struct up_paths *ret, struct error *err)
{
	auto_buf struct buf state = BUF(PATH_MAX);
	struct up_paths paths = { 0 };
	const struct {
		const char *name;
		char **target;
	} names[] = { { "CLAWOS_BIN", &paths.bin },
		      { "CLAWOS_BASE", &paths.base },
		      { "CLAWOS_SHARE", &paths.share },
		      { "CLAWOS_MODEL_FILE", &paths.model },
		      { "CLAWOS_PREFIXES", &paths.prefixes } };
	int r = state_path(state_option, &state, err);

	if (r == 0)
		r = make_path(buf_string(&state), err);
	if (r == 0)
		r = check_owner(buf_string(&state), err);
	if (r < 0)
		return r;
	paths.state = buf_take(&state);
	r = remember(&paths, err);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == 0; i++) {
		const char *value = getenv(names[i].name);

		if (value && *value == '/')
			r = replace(names[i].target, value, strlen(value));
		else if (value && *value)
			r = FAIL(err, -EINVAL, "%s has to be an absolute path", names[i].name);
	}
	if (r < 0) {
		up_paths_free(&paths);
		return r;
	}
	*ret = paths;
	return 0;
}

int up_paths_hold(const char *path, struct error *err)
{
	auto_fd int fd = dir_open_configured(path, O_RDONLY | O_DIRECTORY, 0);
	struct stat held, there;

	if (fd < 0)
		return FAIL(err, fd, "%s: %s", path, strerror(-fd));
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? FAIL(err, -EBUSY, "%s is being removed; start again", path)
			       : FAIL(err, -errno, "lock %s: %m", path);
	if (fstat(fd, &held) < 0 || stat(path, &there) < 0 || held.st_ino != there.st_ino ||
	    held.st_dev != there.st_dev)
		return FAIL(err, -EBUSY, "%s has been removed; start again", path);
	return take_fd(&fd);
}

void up_paths_free(struct up_paths *paths)
{
	free(paths->state);
	free(paths->bin);
	free(paths->base);
	free(paths->share);
	free(paths->model);
	free(paths->prefixes);
	*paths = (struct up_paths){ 0 };
}

int up_paths_keep(const struct up_paths *paths, int state_fd, struct error *err)
{
	auto_buf struct buf text = BUF(SYSTEM_FILE_MAX);
	int r = buf_printf(&text, "bin=%s\nbase=%s\nshare=%s\n", paths->bin, paths->base,
			   paths->share);

	if (r >= 0 && paths->model)
		r = buf_printf(&text, "model=%s\n", paths->model);
	if (r >= 0 && paths->prefixes)
		r = buf_printf(&text, "prefixes=%s\n", paths->prefixes);
	if (r >= 0)
		r = dir_replace(state_fd, "system", buf_string(&text), text.length, 0600);
	return r < 0 ? FAIL(err, r, "%s/system: %s", paths->state, strerror(-r)) : 0;
}
