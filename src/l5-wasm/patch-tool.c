/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * patch-tool - the tool apply_patch (L5).
 */
#include "base/cleanup.h"
#include "base/dir.h"
#include "l5-wasm/patch.h"
#include "l5-wasm/text-kind.h"
#include "l5-wasm/write-file.h"

#include <inttypes.h>

enum { FILE_BYTES_MAX = 16 * 1024 * 1024, RESULT_BYTES_MAX = 64 * 1024 * 1024 };

static int read_text(const struct call *call, const char *path, struct buf *text,
		     struct reply *reply)
{
	struct stat st;
	auto_fd int fd = workspace_open_file(call, path, reply, &st);
	const char *other;
	int r;

	if (fd < 0)
		return fd;
	r = dir_read_fd(fd, text);
	if (r == -EMSGSIZE)
		return reply_fail(reply, r,
				  "\"%s\" has %" PRId64 " bytes; apply_patch takes files up to %d. "
				  "shell can edit it",
				  path, (int64_t)st.st_size, FILE_BYTES_MAX);
	if (r < 0)
		return workspace_fail(call, path, "read", r, reply);
	other = text_kind_other(buf_string(text),
				text->length < TEXT_KIND_BYTES ? text->length : TEXT_KIND_BYTES);
	if (other)
		return reply_fail(reply, -EINVAL, "\"%s\" is %s, not text", path, other);
	return 0;
}

static int put_done(const struct patch *patch, const struct patch_done *done, const char *path,
		    struct reply *reply)
{
	struct buf *content = &reply->content;
	size_t removed = 1, added = 1;
	int r;

	for (size_t i = 0; i + 1 < patch->old_length; i++)
		removed += patch->old_text[i] == '\n';
	for (size_t i = 0; i + 1 < patch->new_length; i++)
		added += patch->new_text[i] == '\n';
	added = patch->new_length == 0 ? 0 : added;
	if (done->places == 1)
		r = buf_printf(content, "changed %s at line %zu: %zu line%s became %zu", path,
			       done->first_line, removed, removed == 1 ? "" : "s", added);
	else
		r = buf_printf(content, "changed %s at %zu places, the first at line %zu", path,
			       done->places, done->first_line);
	if (r == 0 && done->crlf)
		r = buf_add_string(content, " (its CRLF line ends were kept)");
	return r;
}

static int patch_file(const struct call *call, const struct patch *patch, const char *given,
		      struct reply *reply)
{
	auto_buf struct buf before = BUF(FILE_BYTES_MAX), after = BUF(RESULT_BYTES_MAX);
	auto_buf struct buf why = BUF(CALL_LIMIT_BYTES_MAX);
	struct write_file file;
	struct patch_done done;
	int r = write_file_find(call, given, false, reply, &file);

	if (r == 0 && !file.existed)
		return workspace_fail(call, file.path.text, "read", -ENOENT, reply);
	if (r == 0)
		r = read_text(call, file.path.text, &before, reply);
	if (r < 0)
		return r;
	r = patch_apply(patch, buf_string(&before), before.length, &after, &done, &why);
	if (r < 0 && why.length > 0)
		return reply_fail(reply, r, "%s was not changed: %s", file.path.text,
				  buf_string(&why));
	if (r < 0)
		return r;
	r = write_file_replace(call, &file, buf_string(&after), after.length, reply);
	if (r < 0)
		return r;
	reply->matches = (int64_t)done.places;
	return put_done(patch, &done, file.path.text, reply);
}

int tool_apply_patch(const struct call *call, struct reply *reply)
{
	struct patch patch = { 0 };
	const char *path;
	int r = call_string(call, "path", NULL, reply, &path);

	if (r == 0)
		r = call_string(call, "old_string", NULL, reply, &patch.old_text);
	if (r == 0)
		r = call_string(call, "new_string", NULL, reply, &patch.new_text);
	if (r == 0)
		r = call_bool(call, "replace_all", false, reply, &patch.all);
	if (r != 0)
		return r;
	patch.old_length = strlen(patch.old_text);
	patch.new_length = strlen(patch.new_text);
	return patch_file(call, &patch, path, reply);
}
