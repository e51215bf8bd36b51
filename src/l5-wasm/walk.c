/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l5-wasm/walk.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l5-wasm/dir-names.h"
#include "l5-wasm/skip.h"

#include <limits.h>

enum { NAMES_MAX = 100000 };

static int visit_directory(struct walk *walk, int fd, const char *path, unsigned depth);

static bool is_skipped(struct walk *walk, const char *name)
{
	if (!skip_directory(name) || strstr(walk->named, name))
		return false;
	/* That the records of version control are not searched is no news. */
	if (!skip_is_expected(name) && walk->skipped++ == 0)
		(void)snprintf(walk->skipped_name, sizeof(walk->skipped_name), "%s", name);
	return true;
}

static int visit(struct walk *walk, int fd, const char *path, const char *name, unsigned char type,
		 unsigned depth)
{
	auto_free char *below = NULL;
	struct walk_entry entry = { .name = name, .directory_fd = fd, .type = type };
	auto_fd int inner = -1;
	int r;

	if (walk->entries++ == WALK_ENTRIES_MAX || call_is_late(walk->call)) {
		walk->is_late = call_is_late(walk->call);
		walk->is_partial = true;
		return 1;
	}
	if (asprintf(&below, "%s%s%s", path, path[0] ? "/" : "", name) < 0)
		return -ENOMEM;
	if (strlen(below) >= PATH_MAX)
		return 0;
	entry.path = below;
	r = walk->on_entry(&entry, walk->data);
	if (r != 0 || type != DT_DIR || is_skipped(walk, name))
		return r;
	if (depth == WALK_DEPTH_MAX) {
		walk->is_partial = true;
		return 0;
	}
	inner = dir_open_nolink(fd, name, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	walk->is_partial |= inner == -EMFILE || inner == -ENFILE;
	return inner < 0 ? 0 : visit_directory(walk, inner, below, depth + 1);
}

static int visit_directory(struct walk *walk, int fd, const char *path, unsigned depth)
{
	CLEANUP(dir_names_fini) struct dir_names names = { 0 };
	int r = dir_names_read(fd, NAMES_MAX, &names);

	if (r == -ENOMEM)
		return r;
	walk->is_partial |= names.more;
	for (size_t i = 0; i < names.count; i++) {
		r = visit(walk, fd, path, names.names[i], names.types[i], depth);
		if (r != 0)
			return r;
	}
	return 0;
}

int walk_run(struct walk *walk, int directory_fd)
{
	int r = visit_directory(walk, directory_fd, "", 0);

	return r < 0 ? r : 0;
}

int walk_report(const struct walk *walk, const char *advice, struct reply *reply)
{
	int r = 0;

	if (walk->skipped > 0)
		r = buf_printf(&reply->content, "%s[not searched: %s%s; %s]",
			       reply->matches == 0 ? " " : "", walk->skipped_name,
			       walk->skipped > 1 ? " and its like" : "", advice);
	if (r == 0 && walk->is_partial)
		r = buf_printf(&reply->content, "[%s: the search is incomplete]",
			       walk->is_late ? "time is up" : "too many or too deep directories");
	reply->cut = reply->cut || walk->is_partial;
	reply->timed_out = walk->is_late;
	return r;
}
