/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/path-names.h"

#include "base/array.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/sanitise.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_BYTES_MAX = 8 * 256 };

struct names {
	char **rows;
	size_t n, capacity;
};

static void free_names(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->rows[i]);
	free(names->rows);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_harmless(const char *name)
{
	auto_buf struct buf shown = BUF(NAME_BYTES_MAX);

	return sanitise_text(name, strlen(name), SANITISE_LINE, &shown) == 0 &&
	       strcmp(buf_string(&shown), name) == 0;
}

static bool is_directory(int fd, const struct dirent *entry)
{
	struct stat st;

	if (entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(fd, entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

/* Keeps front + name (+ /); what does not fit any more is not offered. */
static void keep(struct names *names, const char *front, size_t n_front, const char *name,
		 bool directory)
{
	auto_buf struct buf path = BUF(PATH_MAX);

	if (buf_add(&path, front, n_front) < 0 || buf_add_string(&path, name) < 0 ||
	    (directory && buf_add_char(&path, '/') < 0) ||
	    ARRAY_ROOM(names->rows, names->n, names->capacity, PATH_NAMES_MAX) < 0)
		return;
	names->rows[names->n] = buf_take(&path);
	names->n += names->rows[names->n] != NULL;
}

/* The entries of a directory that begin so; programs: only what can be run. */
static void read_directory(struct names *names, const char *directory, const char *front,
			   size_t n_front, const char *begin, bool programs)
{
	int fd = dir_open_configured(directory, O_RDONLY | O_DIRECTORY, 0);
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!entries) {
		close_fd(&fd);
		return;
	}
	while ((entry = readdir(entries))) {
		const char *name = entry->d_name;
		bool folder;

		if (strncmp(name, begin, strlen(begin)) != 0 || (name[0] == '.' && *begin != '.') ||
		    strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !is_harmless(name))
			continue;
		folder = is_directory(fd, entry);
		if (programs && (folder || faccessat(fd, name, X_OK, AT_EACCESS) < 0))
			continue;
		keep(names, front, n_front, name, folder);
	}
	(void)closedir(entries); /* only read from */
}

static void tell(struct names *names, void (*found)(const char *name, void *data), void *data)
{
	if (names->n > 0)
		qsort(names->rows, names->n, sizeof(names->rows[0]), compare);
	for (size_t i = 0; i < names->n; i++)
		if (i == 0 || strcmp(names->rows[i], names->rows[i - 1]) != 0)
			found(names->rows[i], data);
	free_names(names);
}

void path_names_files(const char *base, const char *typed,
		      void (*found)(const char *path, void *data), void *data)
{
	const char *slash = strrchr(typed, '/'), *begin = slash ? slash + 1 : typed;
	const char *home = getenv("HOME");
	size_t n = (size_t)(begin - typed);
	auto_buf struct buf directory = BUF(PATH_MAX);
	struct names names = { 0 };
	int r;

	if (typed[0] == '/')
		r = buf_add(&directory, typed, n);
	else if (typed[0] == '~' && typed[1] == '/' && home)
		r = buf_printf(&directory, "%s/%.*s", home, (int)n - 2, typed + 2);
	else
		r = buf_printf(&directory, "%s/%.*s", base, (int)n, typed);
	if (r == 0)
		read_directory(&names, buf_string(&directory), typed, n, begin, false);
	tell(&names, found, data);
}

void path_names_programs(const char *typed, void (*found)(const char *name, void *data), void *data)
{
	static const char *const own[] = { "alias", "cd",    "exec", "exit",   "export",
					   "fg",    "bg",    "jobs", "kill",   "trap",
					   "umask", "unset", "wait", "unalias" };
	const char *path = getenv("PATH");
	struct names names = { 0 };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strncmp(own[i], typed, strlen(typed)) == 0)
			keep(&names, "", 0, own[i], false);
	while (path && *path) {
		size_t n = strcspn(path, ":");
		auto_free char *directory = strndup(path, n);

		if (directory && n > 0)
			read_directory(&names, directory, "", 0, typed, true);
		path += n + (path[n] == ':');
	}
	tell(&names, found, data);
}
