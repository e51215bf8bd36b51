/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * glob-tool - the tool glob (L5): paths, relative to the workspace, that match a pattern.
 */
#include "base/cleanup.h"
#include "l5-wasm/glob.h"
#include "l5-wasm/shown-name.h"
#include "l5-wasm/walk.h"
#include "l5-wasm/workspace.h"

#include <inttypes.h>

enum { SHOWN_MAX = 500, NOTE_BYTES = 320 };

DEFINE_CLEANUP(struct glob *, glob_free)

struct search {
	const struct call *call;
	struct reply *reply;
	const struct glob *glob;
	const char *prefix; /* of the directory that is searched: "src/" or "" */
	size_t found, shown, files;
};

static int on_entry(const struct walk_entry *entry, void *data)
{
	struct search *search = data;
	bool is_directory = entry->type == DT_DIR;
	struct buf *content = &search->reply->content;
	size_t before = content->length;
	int r;

	search->files += !is_directory;
	if (!glob_match(search->glob, entry->path, is_directory))
		return 0;
	search->found++;
	if (search->shown == SHOWN_MAX || search->shown + 1 < search->found)
		return 0;
	r = shown_name_add(content, search->prefix, entry->path, is_directory ? "/" : "");
	if (r == 0)
		r = buf_add_char(content, '\n');
	if (r == 0 && content->length > search->call->limit_bytes - NOTE_BYTES)
		buf_truncate(content, before);
	else
		search->shown++;
	return r;
}

static int put_notes(const struct search *search, const struct walk *walk, const char *pattern)
{
	struct reply *reply = search->reply;
	int r = 0;

	if (search->found == 0)
		r = buf_printf(&reply->content, "no match for \"%.80s\" among %zu files", pattern,
			       search->files);
	else if (search->shown < search->found)
		r = buf_printf(&reply->content,
			       "[%zu of %zu matches; narrow the pattern or give a path]",
			       search->shown, search->found);
	if (r < 0)
		return r;
	reply->cut = search->shown < search->found;
	reply->files = (int64_t)search->files;
	reply->matches = (int64_t)search->found;
	return walk_report(walk, "name it in the pattern or as path", reply);
}

/* The pattern relative to the directory: "/workspace/src/x" and "./x" are common. */
static const char *relative(const char *pattern)
{
	if (strncmp(pattern, "/workspace/", 11) == 0)
		return pattern + 10;
	return pattern;
}

int tool_glob(const struct call *call, struct reply *reply)
{
	CLEANUP(glob_free_ptr) struct glob *glob = NULL;
	struct search search = { .call = call, .reply = reply };
	struct walk walk = { .call = call, .on_entry = on_entry, .data = &search };
	char prefix[PATH_MAX + 1], named[2 * PATH_MAX];
	struct workspace_path path;
	const char *pattern, *given;
	struct error err = { 0 };
	auto_fd int fd = -1;
	int r = call_string(call, "pattern", NULL, reply, &pattern);

	if (r == 0)
		r = call_string(call, "path", ".", reply, &given);
	if (r == 0)
		r = workspace_path(call, given, reply, &path);
	if (r < 0)
		return r;
	r = glob_compile(relative(pattern), &glob, &err);
	if (r < 0)
		return r == -EINVAL ? reply_fail(reply, r, "%s", err.text) : r;
	fd = workspace_open_dir(call, path.text, reply);
	if (fd < 0)
		return fd;
	(void)snprintf(prefix, sizeof(prefix), "%s/", path.text);
	(void)snprintf(named, sizeof(named), "%s %s", pattern, path.text);
	search.prefix = strcmp(path.text, ".") == 0 ? "" : prefix;
	search.glob = glob;
	walk.named = named;
	r = walk_run(&walk, fd);
	return r < 0 ? r : put_notes(&search, &walk, pattern);
}
