/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * grep-tool - the tool grep (L5): lines of the workspace's text files that match, as
 * path:line:text.
 */
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/utf8.h"
#include "l5-wasm/glob.h"
#include "l5-wasm/regex.h"
#include "l5-wasm/shown-name.h"
#include "l5-wasm/text-kind.h"
#include "l5-wasm/walk.h"
#include "l5-wasm/workspace.h"

#include <inttypes.h>

enum {
	MAX_DEFAULT = 100,
	MAX_MAX = 1000,
	CONTEXT_MAX = 50,
	FILE_BYTES_MAX = 32 * 1024 * 1024,
	LINE_BYTES = 400,   /* of a line that are shown */
	BEFORE_BYTES = 200, /* of them in front of the match's end */
	NOTE_BYTES = 512,
};

DEFINE_CLEANUP(struct glob *, glob_free)

struct search {
	const struct call *call;
	struct reply *reply;
	struct regex *regex;
	const struct glob *include; /* NULL: every file */
	const char *prefix;         /* of the directory that is searched: "src/" or "" */
	size_t context, max;
	size_t files, binary, large, files_found, found, shown;
	bool full; /* nothing more is shown, only counted */
	struct buf text;
};

/* What is known while one file is shown. */
struct showing {
	struct search *search;
	const char *path, *text;
	size_t length;
	size_t next;      /* offset of the first line not yet shown */
	size_t next_line; /* its number */
	bool any;
};

/* ---- showing lines ---- */

/* The part of a line that holds the end of its match, whole characters. */
static int put_text(struct buf *content, const char *line, size_t length, size_t match_end)
{
	size_t start =
		length > LINE_BYTES && match_end > BEFORE_BYTES ? match_end - BEFORE_BYTES : 0;
	size_t n;
	int r;

	if (length - start < LINE_BYTES && length > LINE_BYTES)
		start = length - LINE_BYTES;
	while (start > 0 && start < length && ((unsigned char)line[start] & 0xC0) == 0x80)
		start++;
	n = utf8_cut(line + start, length - start, LINE_BYTES);
	r = start > 0 ? buf_add_string(content, "…") : 0;
	if (r == 0 && n > 0)
		r = buf_add(content, line + start, n);
	if (r == 0 && start + n < length)
		r = buf_add_string(content, "…");
	return r < 0 ? r : buf_add_char(content, '\n');
}

static int put_line(struct showing *showing, size_t at, size_t number, char mark, size_t match_end)
{
	struct buf *content = &showing->search->reply->content;
	const char *line = showing->text + at;
	const char *newline = memchr(line, '\n', showing->length - at);
	size_t n = newline ? (size_t)(newline - line) : showing->length - at;
	int r = shown_name_add(content, showing->search->prefix, showing->path, "");

	if (r == 0)
		r = buf_printf(content, "%c%zu%c", mark, number, mark);

	n -= n > 0 && line[n - 1] == '\r';
	if (r == 0)
		r = put_text(content, line, n, match_end);
	showing->next = (size_t)(line - showing->text) +
			(newline ? (size_t)(newline - line) + 1 : showing->length - at);
	showing->next_line = number + 1;
	return r;
}

/* The offset of the line `lines` lines before at, not before `from`; *ret_lines how many there are.
 */
static size_t back(const char *text, size_t from, size_t at, size_t lines, size_t *ret_lines)
{
	size_t n = 0;

	while (n < lines && at > from) {
		const char *newline = at >= 2 ? memrchr(text, '\n', at - 1) : NULL;
		size_t start = newline ? (size_t)(newline - text) + 1 : 0;

		if (start < from)
			break;
		at = start;
		n++;
	}
	*ret_lines = n;
	return at;
}

static size_t count_lines(const char *text, size_t from, size_t until)
{
	size_t n = 0;

	while (from < until) {
		const char *newline = memchr(text + from, '\n', until - from);

		if (!newline)
			break;
		from = (size_t)(newline - text) + 1;
		n++;
	}
	return n;
}

/* Lines behind the last match, up to `until`. */
static int put_after(struct showing *showing, size_t until)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < showing->search->context && showing->next < until; i++)
		r = put_line(showing, showing->next, showing->next_line, '-', 0);
	return r;
}

/* A matching line with the context in front of it. */
static int put_match(struct showing *showing, size_t start, size_t match_end)
{
	struct search *search = showing->search;
	size_t lines, first, number;
	int r = showing->any ? put_after(showing, start) : 0;

	if (r < 0)
		return r;
	number = showing->next_line + count_lines(showing->text, showing->next, start);
	first = back(showing->text, showing->next, start, search->context, &lines);
	if (showing->any && search->context > 0 && first > showing->next)
		r = buf_add_string(&search->reply->content, "--\n");
	showing->next = first;
	for (size_t i = 0; r == 0 && i < lines; i++)
		r = put_line(showing, showing->next, number - lines + i, '-', 0);
	showing->any = true;
	return r < 0 ? r : put_line(showing, start, number, ':', match_end - start);
}

/* ---- one file ---- */

static int show_matches(struct search *search, const char *path)
{
	struct showing showing = { .search = search,
				   .path = path,
				   .text = buf_string(&search->text),
				   .length = search->text.length,
				   .next_line = 1 };
	size_t at = 0, start = 0, end = 0, found = 0;
	enum regex_outcome outcome;
	int r;

	while ((r = regex_next_line(search->regex, showing.text, showing.length, at, &outcome,
				    &start, &end)) == 0 &&
	       outcome == REGEX_FOUND) {
		const char *newline = memchr(showing.text + start, '\n', showing.length - start);
		size_t before = search->reply->content.length;

		if (found++ == 0 && search->shown > 0 && search->context > 0 && !search->full)
			r = buf_add_string(&search->reply->content, "--\n");
		if (r == 0 && !search->full)
			r = put_match(&showing, start, end);
		if (r < 0)
			return r;
		if (!search->full &&
		    search->reply->content.length > search->call->limit_bytes - NOTE_BYTES) {
			buf_truncate(&search->reply->content, before);
			search->full = true;
		}
		search->shown += !search->full;
		search->full |= search->shown == search->max;
		at = newline ? (size_t)(newline - showing.text) + 1 : showing.length;
	}
	if (r == 0 && showing.any && !search->full)
		r = put_after(&showing, showing.length);
	search->found += found;
	search->files_found += found > 0;
	return r;
}

static int search_file(struct search *search, int fd, const char *path)
{
	struct stat st;
	int r;

	search->files++;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	buf_truncate(&search->text, 0);
	r = dir_read_fd(fd, &search->text);
	if (r == -EMSGSIZE) {
		search->large++;
		return 0;
	}
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return 0; /* not readable: as if it were not there */
	if (memchr(buf_string(&search->text), '\0',
		   search->text.length < TEXT_KIND_BYTES ? search->text.length : TEXT_KIND_BYTES)) {
		search->binary++;
		return 0;
	}
	return show_matches(search, path);
}

static int on_entry(const struct walk_entry *entry, void *data)
{
	struct search *search = data;
	auto_fd int fd = -1;

	if (entry->type != DT_REG ||
	    (search->include && !glob_match(search->include, entry->path, false)))
		return 0;
	fd = dir_open_nolink(entry->directory_fd, entry->name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	return fd < 0 ? 0 : search_file(search, fd, entry->path);
}

/* ---- the tool ---- */

static int put_nothing_found(const struct search *search, const char *pattern)
{
	struct buf *content = &search->reply->content;
	int r = buf_printf(content, "no match for \"%.200s\" in %zu text file%s", pattern,
			   search->files - search->binary - search->large,
			   search->files - search->binary - search->large == 1 ? "" : "s");

	if (r == 0 && search->files == 0 && search->include)
		r = buf_add_string(content, ": include fits no file");
	if (r == 0 && search->binary > 0)
		r = buf_printf(content, " (%zu binary passed over)", search->binary);
	if (r == 0 && strstr(pattern, "\\|"))
		r = buf_add_string(content,
				   ". \\| is the character |; alternatives are written a|b");
	return r;
}

static int put_notes(const struct search *search, const struct walk *walk, const char *pattern)
{
	struct reply *reply = search->reply;
	struct buf *content = &reply->content;
	int r = 0;

	if (search->found == 0)
		r = put_nothing_found(search, pattern);
	else if (search->shown < search->found)
		r = buf_printf(
			content,
			"[%zu of %zu matching lines in %zu files are shown; narrow the pattern, "
			"path or include, or raise max]\n",
			search->shown, search->found, search->files_found);
	if (r == 0 && search->large > 0)
		r = buf_printf(content, "%s[%zu files larger than 32 MiB were not searched]",
			       search->found == 0 ? " " : "", search->large);
	if (r < 0)
		return r;
	reply->cut = search->shown < search->found;
	reply->files = (int64_t)search->files;
	reply->matches = (int64_t)search->found;
	return walk_report(walk, "give it as path", reply);
}

static int compile(struct search *search, const char *pattern, bool ignore_case)
{
	struct regex_options options = { .ignore_case = ignore_case };
	struct reply *reply = search->reply;
	struct error err = { 0 };
	int r = regex_compile(pattern, &options, &search->regex, &err);

	if (r == -EOPNOTSUPP)
		return reply_fail(reply, r, "the pattern: %s. shell with grep -P may do it",
				  err.text);
	if (r != -EINVAL)
		return r;
	/* "call(" can only be meant as text. */
	options.literal = true;
	r = regex_compile(pattern, &options, &search->regex, NULL);
	return r < 0 ? r
		     : buf_printf(&reply->content,
				  "[searched as plain text, as it is no regular expression: %s]\n",
				  err.text);
}

static int run(struct search *search, const struct workspace_path *path, const char *pattern,
	       const char *include)
{
	struct walk walk = { .call = search->call, .on_entry = on_entry, .data = search };
	char prefix[PATH_MAX + 1], named[3 * PATH_MAX];
	auto_fd int fd = workspace_open(search->call, path->text, O_PATH, search->reply);
	auto_fd int inner = -1;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return workspace_fail(search->call, path->text, "read", -errno, search->reply);
	if (S_ISDIR(st.st_mode)) {
		inner = workspace_open_dir(search->call, path->text, search->reply);
		if (inner < 0)
			return inner;
		(void)snprintf(prefix, sizeof(prefix), "%s/", path->text);
		(void)snprintf(named, sizeof(named), "%s %s", path->text, include);
		search->prefix = strcmp(path->text, ".") == 0 ? "" : prefix;
		walk.named = named;
		r = walk_run(&walk, inner);
	} else {
		inner = workspace_open_file(search->call, path->text, search->reply, &st);
		if (inner < 0)
			return inner;
		search->prefix = "";
		r = search_file(search, inner, path->text);
	}
	return r < 0 ? r : put_notes(search, &walk, pattern);
}

static void search_fini(struct search *search)
{
	regex_free(search->regex);
	buf_free(&search->text);
}

int tool_grep(const struct call *call, struct reply *reply)
{
	CLEANUP(search_fini)
	struct search search = { .call = call, .reply = reply, .text = BUF(FILE_BYTES_MAX) };
	CLEANUP(glob_free_ptr) struct glob *glob = NULL;
	const char *pattern, *given, *include;
	struct workspace_path path;
	struct error err = { 0 };
	int64_t context, max;
	bool ignore_case;
	int r = call_string(call, "pattern", NULL, reply, &pattern);

	if (r == 0)
		r = call_string(call, "path", ".", reply, &given);
	if (r == 0)
		r = call_string(call, "include", "", reply, &include);
	if (r == 0)
		r = call_bool(call, "case_insensitive", false, reply, &ignore_case);
	if (r == 0)
		r = call_number(call, "context", 0, 0, CONTEXT_MAX, reply, &context);
	if (r == 0)
		r = call_number(call, "max", MAX_DEFAULT, 1, MAX_MAX, reply, &max);
	if (r == 0)
		r = workspace_path(call, given, reply, &path);
	if (r != 0)
		return r;
	if (include[0] != '\0') {
		r = glob_compile(include, &glob, &err);
		if (r < 0)
			return r == -EINVAL ? reply_fail(reply, r, "include: %s", err.text) : r;
	}
	search.include = glob;
	search.context = (size_t)context;
	search.max = (size_t)max;
	r = compile(&search, pattern, ignore_case);
	return r < 0 ? r : run(&search, &path, pattern, include);
}
