/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * read-file - the tool read_file (L5): the lines of a text file, and where to go on.
 *
 * A file that is shown whole is shown exactly; no line numbers are put in front, so that what was
 * read can be given to apply_patch as it stands.
 */
#include "base/cleanup.h"
#include "base/utf8.h"
#include "l5-wasm/text-kind.h"
#include "l5-wasm/workspace.h"

#include <assert.h>
#include <inttypes.h>

enum {
	LINES_DEFAULT = 2000,
	LINE_BYTES_MAX = 2000, /* of a line in a file that is not shown whole */
	BLOCK_BYTES = 64 * 1024,
	NOTE_BYTES = 192,                     /* kept free for the line about what is not shown */
	COUNTED_BYTES_MAX = 64 * 1024 * 1024, /* lines beyond are not counted */
};

struct reading {
	const struct call *call;
	struct reply *reply;
	uint64_t first, last; /* wanted lines, from 1 */
	size_t line_max;      /* bytes of a line that are shown */
	uint64_t line;        /* where we are, from 1 */
	size_t in_line;       /* bytes of it so far */
	size_t line_start;    /* where it starts in the content */
	uint64_t shown_last;
	bool full;      /* the content has no room for more lines */
	bool in_a_line; /* bytes since the last newline */
};

static bool is_wanted(const struct reading *reading)
{
	return !reading->full && reading->line >= reading->first && reading->line <= reading->last;
}

static size_t room(const struct reading *reading)
{
	size_t used = reading->reply->content.length, all = reading->call->limit_bytes - NOTE_BYTES;

	return used < all ? all - used : 0;
}

/* Takes back a line that did not fit, unless it is the only one: a cut line is better than none. */
static int no_room(struct reading *reading)
{
	reading->full = true;
	if (reading->shown_last >= reading->first) {
		buf_truncate(&reading->reply->content, reading->line_start);
		return 0;
	}
	reading->shown_last = reading->line;
	reading->reply->cut = true;
	return buf_add_string(&reading->reply->content, "…\n");
}

/* Bytes of the current line without its newline. */
static int add_part(struct reading *reading, const char *bytes, size_t length)
{
	size_t before = reading->in_line, n = length;

	reading->in_line += length;
	if (!is_wanted(reading))
		return 0;
	if (before >= reading->line_max)
		return 0;
	if (n > reading->line_max - before)
		n = utf8_cut(bytes, length, reading->line_max - before);
	if (n > room(reading)) {
		int r = buf_add(&reading->reply->content, bytes,
				utf8_cut(bytes, length, room(reading)));

		return r < 0 ? r : no_room(reading);
	}
	return buf_add(&reading->reply->content, bytes, n);
}

static int end_line(struct reading *reading, bool has_newline)
{
	struct buf *content = &reading->reply->content;
	int r = 0;

	if (is_wanted(reading)) {
		if (reading->in_line > reading->line_max) {
			r = buf_printf(content, "… [%zu more bytes in this line]",
				       reading->in_line - reading->line_max);
			reading->reply->cut = true;
		}
		if (r == 0 && has_newline)
			r = buf_add_char(content, '\n');
		reading->shown_last = reading->line;
		reading->line_start = content->length;
	}
	reading->line++;
	reading->in_line = 0;
	reading->in_a_line = false;
	return r;
}

static int take_block(struct reading *reading, const char *block, size_t length)
{
	while (length > 0) {
		const char *end = memchr(block, '\n', length);
		size_t n = end ? (size_t)(end - block) : length;
		int r = add_part(reading, block, n);

		if (r < 0)
			return r;
		reading->in_a_line = true;
		if (!end)
			return 0;
		r = end_line(reading, true);
		if (r < 0)
			return r;
		block += n + 1;
		length -= n + 1;
	}
	return 0;
}

/* What is not shown, in one line, and how to see it. */
static int add_note(struct reading *reading, const char *path, bool counted)
{
	struct buf *content = &reading->reply->content;
	uint64_t lines = reading->line - 1;
	bool ends = content->length == 0 || content->data[content->length - 1] == '\n';
	int r;

	if (lines == 0)
		return buf_printf(content, "[\"%s\" is empty]", path);
	if (reading->shown_last < reading->first)
		return reply_fail(reading->reply, -ERANGE,
				  "\"%s\" has only %" PRIu64 " lines; offset %" PRIu64
				  " is beyond its end",
				  path, lines, reading->first);
	if (reading->first == 1 && reading->shown_last == lines && counted)
		return 0;
	r = buf_printf(content, "%s[lines %" PRIu64 "-%" PRIu64 " of %s%" PRIu64, ends ? "" : "\n",
		       reading->first, reading->shown_last, counted ? "" : "more than ", lines);
	if (r == 0 && reading->shown_last < lines)
		r = buf_printf(content, "; go on with offset %" PRIu64, reading->shown_last + 1);
	reading->reply->cut |= reading->shown_last < lines || !counted;
	return r < 0 ? r : buf_add_char(content, ']');
}

static int read_lines(struct reading *reading, int fd, const char *path)
{
	char block[BLOCK_BYTES];
	struct reply *reply = reading->reply;
	uint64_t total = 0;
	ssize_t n;
	int r = 0;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		const char *other = total > 0 ? NULL
					      : text_kind_other(block, (size_t)n < TEXT_KIND_BYTES
									       ? (size_t)n
									       : TEXT_KIND_BYTES);

		if (other)
			return reply_fail(reply, -EINVAL,
					  "\"%s\" is %s, %" PRId64 " bytes, not text: shell can "
					  "inspect it",
					  path, other, reply->bytes);
		r = take_block(reading, block, (size_t)n);
		if (r < 0)
			return r;
		total += (uint64_t)n;
		if (total >= COUNTED_BYTES_MAX || call_is_late(reading->call))
			break;
	}
	if (n < 0)
		return workspace_fail(reading->call, path, "read", -errno, reply);
	if (reading->in_a_line)
		r = end_line(reading, false);
	if (r == 0)
		r = add_note(reading, path, n == 0);
	if (r < 0)
		return r;
	reply->first_line = (int64_t)reading->first;
	reply->last_line = (int64_t)reading->shown_last;
	if (n == 0)
		reply->lines = (int64_t)reading->line - 1;
	return 0;
}

int tool_read_file(const struct call *call, struct reply *reply)
{
	struct reading reading = { .call = call, .reply = reply, .line = 1 };
	struct workspace_path path;
	int64_t offset, limit;
	auto_fd int fd = -1;
	const char *given;
	struct stat st;
	int r = call_string(call, "path", NULL, reply, &given);

	if (r == 0)
		r = call_number(call, "offset", 1, 1, INT64_MAX / 2, reply, &offset);
	if (r == 0)
		r = call_number(call, "limit", LINES_DEFAULT, 1, INT64_MAX / 2, reply, &limit);
	if (r == 0)
		r = workspace_path(call, given, reply, &path);
	if (r != 0)
		return r;
	fd = workspace_open_file(call, path.text, reply, &st);
	if (fd < 0)
		return fd;
	reading.first = (uint64_t)offset;
	reading.last = (uint64_t)(offset - 1 + limit);
	reading.line_max = (uint64_t)st.st_size <= call->limit_bytes - NOTE_BYTES
				   ? call->limit_bytes
				   : LINE_BYTES_MAX;
	reply->bytes = st.st_size;
	reply->files = 1;
	return read_lines(&reading, fd, path.text);
}
