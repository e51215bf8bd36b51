/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * list-dir - the tool list_dir (L5): what is in a directory, level by level, so that a cut leaves
 * out what is deepest.
 */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l5-wasm/dir-names.h"
#include "l5-wasm/shown-name.h"
#include "l5-wasm/skip.h"
#include "l5-wasm/workspace.h"

#include <dirent.h>
#include <inttypes.h>

enum { ENTRIES_MAX = 500, DEPTH_DEFAULT = 3, DEPTH_MAX = 32, NOTE_BYTES = 256 };

struct entry {
	char *path; /* relative to the listed directory */
	unsigned char type;
	unsigned depth; /* of what is below it */
	bool is_skipped;
};

struct listing {
	const struct call *call;
	struct reply *reply;
	int fd;
	unsigned depth_max;
	struct entry entries[ENTRIES_MAX];
	size_t count;
	bool more;
};

static void listing_fini(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		free(listing->entries[i].path);
	close_fd(&listing->fd);
}

/* Adds what is in the directory `path` ("" is the listed one). */
static int add_level(struct listing *listing, const char *path, unsigned depth)
{
	CLEANUP(dir_names_fini) struct dir_names names = { 0 };
	auto_fd int fd = dir_open_nolink(listing->fd, path[0] ? path : ".",
					 O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return 0; /* not readable or gone: its own line stands in the list */
	r = dir_names_read(fd, ENTRIES_MAX, &names);
	if (r < 0)
		return r;
	listing->more |= names.more;
	for (size_t i = 0; i < names.count; i++) {
		struct entry *entry = &listing->entries[listing->count];

		if (listing->count == ENTRIES_MAX) {
			listing->more = true;
			return 0;
		}
		if (asprintf(&entry->path, "%s%s%s", path, path[0] ? "/" : "", names.names[i]) < 0)
			return -ENOMEM;
		entry->type = names.types[i];
		entry->depth = depth + 1;
		entry->is_skipped = entry->type == DT_DIR && skip_directory(names.names[i]);
		listing->count++;
	}
	return 0;
}

/* A directory before what is in it, and that before the next name. */
static int by_path(const void *a, const void *b)
{
	const char *left = ((const struct entry *)a)->path,
		   *right = ((const struct entry *)b)->path;

	while (*left != '\0' && *left == *right) {
		left++;
		right++;
	}
	if (*left == '/' || *right == '/')
		return *left == '/' ? (*right == '\0' ? 1 : -1) : (*left == '\0' ? -1 : 1);
	return (unsigned char)*left - (unsigned char)*right;
}

static int put_entry(const struct listing *listing, const struct entry *entry)
{
	struct buf *content = &listing->reply->content;
	char size[WORKSPACE_SIZE_BYTES], target[PATH_MAX] = "";
	auto_fd int look = -1;
	struct stat st;

	int r = shown_name_add(content, "", entry->path, entry->type == DT_DIR ? "/" : "");

	if (r == 0 && entry->type == DT_DIR && entry->is_skipped && listing->depth_max > 1)
		r = buf_add_string(content, " (not descended)");
	if (entry->type == DT_LNK || entry->type == DT_REG)
		look = dir_open(listing->fd, entry->path, O_PATH | O_NOFOLLOW, 0);
	if (r == 0 && entry->type == DT_LNK) {
		if (readlinkat(look, "", target, sizeof(target) - 1) < 0)
			target[0] = '?'; /* gone or unreadable by now */
		r = buf_add_string(content, " -> ");
		if (r == 0)
			r = shown_name_add(content, "", target, "");
	} else if (r == 0 && entry->type == DT_REG && look >= 0 && fstat(look, &st) == 0) {
		workspace_put_size(st.st_size, size);
		r = buf_printf(content, "  %s", size);
	} else if (r == 0 && entry->type != DT_REG && entry->type != DT_DIR) {
		r = buf_add_string(content, " (special file)");
	}
	return r < 0 ? r : buf_add_char(content, '\n');
}

static int put_listing(struct listing *listing)
{
	struct reply *reply = listing->reply;
	size_t i;
	int r = 0;

	qsort(listing->entries, listing->count, sizeof(listing->entries[0]), by_path);
	for (i = 0; r == 0 && i < listing->count; i++) {
		size_t before = reply->content.length;

		r = put_entry(listing, &listing->entries[i]);
		if (r == 0 && reply->content.length > listing->call->limit_bytes - NOTE_BYTES) {
			buf_truncate(&reply->content, before);
			listing->more = true;
			break;
		}
	}
	if (r == 0 && listing->count == 0)
		r = buf_add_string(&reply->content, "[empty directory]");
	if (r == 0 && listing->more)
		r = buf_printf(
			&reply->content,
			"[the first %zu entries; there are more: list a subdirectory, or find "
			"files with glob]",
			i);
	reply->cut = listing->more;
	reply->files = (int64_t)i;
	return r;
}

static int list(struct listing *listing)
{
	int r = add_level(listing, "", 0);

	/* The list grows while it is walked: breadth first. */
	for (size_t i = 0; r == 0 && i < listing->count; i++) {
		const struct entry *entry = &listing->entries[i];

		if (entry->type != DT_DIR || entry->depth >= listing->depth_max ||
		    entry->is_skipped)
			continue;
		if (call_is_late(listing->call)) {
			listing->reply->timed_out = true;
			listing->more = true;
			break;
		}
		r = add_level(listing, entry->path, entry->depth);
	}
	return r < 0 ? r : put_listing(listing);
}

int tool_list_dir(const struct call *call, struct reply *reply)
{
	auto_free struct listing *listing = calloc(1, sizeof(*listing));
	struct workspace_path path;
	const char *given;
	bool recursive;
	int64_t depth;
	int r = call_string(call, "path", ".", reply, &given);

	if (r == 0)
		r = call_bool(call, "recursive", false, reply, &recursive);
	if (r == 0)
		r = call_number(call, "max_depth", DEPTH_DEFAULT, 1, DEPTH_MAX, reply, &depth);
	if (r == 0)
		r = workspace_path(call, given, reply, &path);
	if (r != 0)
		return r;
	if (!listing)
		return -ENOMEM;
	listing->call = call;
	listing->reply = reply;
	listing->depth_max = recursive ? (unsigned)depth : 1;
	listing->fd = workspace_open_dir(call, path.text, reply);
	r = listing->fd < 0 ? listing->fd : list(listing);
	listing_fini(listing);
	return r;
}
