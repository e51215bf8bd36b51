/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/tape.h"

#include "base/dir.h"
#include "base/json-text.h"
#include "base/sha256.h"
#include "base/utf8.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum { READ_STEP = 64 * 1024, SHOWN_BYTES = 48 };

struct tape {
	int fd;
	struct buf line;
	yyjson_doc *doc;
};

int tape_open(int fd, struct tape **ret)
{
	struct tape *tape = calloc(1, sizeof(*tape));

	if (!tape) {
		close_fd(&fd);
		return -ENOMEM;
	}
	tape->fd = fd;
	tape->line = BUF(TAPE_LINE_MAX);
	*ret = tape;
	return 0;
}

void tape_close(struct tape *tape)
{
	if (!tape)
		return;
	close_fd(&tape->fd);
	buf_free(&tape->line);
	yyjson_doc_free(tape->doc);
	free(tape);
}

int tape_share(const struct tape *tape, struct tape **ret)
{
	int fd = fcntl(tape->fd, F_DUPFD_CLOEXEC, 0); /* the offset belongs to both */

	return fd < 0 ? -errno : tape_open(fd, ret);
}

static int read_prompt(const struct prompt *prompt, struct buf *out)
{
	size_t done = 0;
	char *at;
	int r = buf_reserve(out, prompt->length, &at);

	while (r >= 0 && done < prompt->length) {
		ssize_t n = pread(prompt->fd, at + done, prompt->length - done,
				  (off_t)(prompt->offset + done));

		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	if (r >= 0)
		buf_commit(out, done);
	return r;
}

static int add_field(struct buf *line, const char *key, const char *text, size_t length)
{
	int r = buf_printf(line, ",\"%s\":\"", key);

	if (r >= 0)
		r = json_text_escape(line, text, length);
	return r < 0 ? r : buf_add_char(line, '"');
}

static int build_line(const struct prompt *prompt, const struct buf *request,
		      const struct tape_exchange *exchange, struct buf *line)
{
	char hex[SHA256_HEX_BYTES];
	int r;

	sha256_hex(prompt->hash, hex);
	r = buf_printf(line, "{\"format\":\"%s\",\"hash\":\"%s\",\"status\":%d", exchange->format,
		       hex, exchange->status);
	if (r >= 0 && exchange->content_type)
		r = add_field(line, "contentType", exchange->content_type,
			      strlen(exchange->content_type));
	if (r >= 0)
		r = add_field(line, "request", buf_string(request), request->length);
	if (r >= 0)
		r = add_field(line, "response", exchange->response, exchange->response_length);
	return r < 0 ? r : buf_add_string(line, "}\n");
}

int tape_write(struct tape *tape, const struct prompt *prompt, const struct tape_exchange *exchange,
	       struct error *err)
{
	struct buf request = BUF(TAPE_LINE_MAX), line = BUF(TAPE_LINE_MAX);
	int r = read_prompt(prompt, &request);

	if (r >= 0)
		r = build_line(prompt, &request, exchange, &line);
	if (r >= 0)
		r = dir_write_all(tape->fd, buf_string(&line), line.length);
	buf_free(&request);
	buf_free(&line);
	return r < 0 ? FAIL(err, r, "the exchange cannot be recorded: %s", strerror(-r)) : 0;
}

/* The line at the file's offset; the offset then stands behind it. */
static int read_line(struct tape *tape)
{
	off_t start = lseek(tape->fd, 0, SEEK_CUR);

	buf_truncate(&tape->line, 0);
	while (start >= 0) {
		size_t before = tape->line.length;
		char *at, *end;
		ssize_t n;
		int r = buf_reserve(&tape->line, READ_STEP, &at);

		if (r < 0)
			return r;
		n = pread(tape->fd, at, READ_STEP, start + (off_t)before);
		if (n < 0)
			return -errno;
		if (n == 0)
			return before ? -EBADMSG : -ENODATA;
		buf_commit(&tape->line, (size_t)n);
		end = memchr(tape->line.data + before, '\n', (size_t)n);
		if (end) {
			buf_truncate(&tape->line, (size_t)(end - tape->line.data));
			return lseek(tape->fd, start + (off_t)tape->line.length + 1, SEEK_SET) < 0
				       ? -errno
				       : 0;
		}
	}
	return -errno;
}

static void shorten(const char *text, size_t length, size_t from, char ret[SHOWN_BYTES * 2 + 1])
{
	size_t n = length - from < SHOWN_BYTES ? length - from : SHOWN_BYTES, used = 0;

	n = utf8_cut(text + from, length - from, n);
	for (size_t i = 0; i < n; i++) {
		char c = text[from + i];

		if (c == '\n') {
			ret[used++] = '\\';
			c = 'n';
		}
		ret[used++] = c;
	}
	ret[used] = '\0';
}

static int compare(const struct prompt *prompt, const char *wanted, size_t length,
		   struct error *err)
{
	char was[SHOWN_BYTES * 2 + 1], is[SHOWN_BYTES * 2 + 1];
	struct buf request = BUF(TAPE_LINE_MAX);
	size_t at = 0, from;
	int r = read_prompt(prompt, &request);

	if (r < 0) {
		buf_free(&request);
		return FAIL(err, r, "the prompt cannot be read: %s", strerror(-r));
	}
	while (at < length && at < request.length && wanted[at] == request.data[at])
		at++;
	if (at < length || at < request.length) {
		from = at > SHOWN_BYTES / 4 ? at - SHOWN_BYTES / 4 : 0;
		while (from > 0 && (wanted[from] & 0xc0) == 0x80)
			from--;
		shorten(wanted, length, from, was);
		shorten(buf_string(&request), request.length, from, is);
		r = FAIL(err, -EILSEQ,
			 "the prompt differs from the tape at byte %zu: \"%s\" was "
			 "recorded, \"%s\" is sent",
			 at, was, is);
	}
	buf_free(&request);
	return r;
}

int tape_next(struct tape *tape, const struct prompt *prompt, struct tape_exchange *ret,
	      struct error *err)
{
	yyjson_val *root, *request, *response;
	int r = read_line(tape);

	if (r == -ENODATA)
		return FAIL(err, r, "the tape has ended: no further exchange is recorded");
	yyjson_doc_free(tape->doc);
	tape->doc = r < 0 ? NULL : yyjson_read(tape->line.data, tape->line.length, 0);
	root = yyjson_doc_get_root(tape->doc);
	request = yyjson_obj_get(root, "request");
	response = yyjson_obj_get(root, "response");
	ret->format = yyjson_get_str(yyjson_obj_get(root, "format"));
	if (r < 0 || !yyjson_is_str(request) || !yyjson_is_str(response) || !ret->format)
		return FAIL(err, -EBADMSG, "the tape holds a line that is no recorded exchange");
	ret->status = yyjson_get_int(yyjson_obj_get(root, "status"));
	ret->content_type = yyjson_get_str(yyjson_obj_get(root, "contentType"));
	ret->response = yyjson_get_str(response);
	ret->response_length = yyjson_get_len(response);
	return compare(prompt, yyjson_get_str(request), yyjson_get_len(request), err);
}
