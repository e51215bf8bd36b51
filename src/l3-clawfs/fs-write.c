/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l3-clawfs/fs-write.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/service.h"
#include "l3-clawfs/fs-wire.h"
#include "l3-clawfs/path.h"
#include "l3-clawfs/questions.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
	WRITE_TEXT_BYTES = 4096, /* content in the message itself; more comes by descriptor */
	CALL_ID_BYTES = 64,
	DATE_BYTES = 10,
	ACTION_EXTRA_BYTES = 2 * PATH_BYTES, /* of a question, beside the text of the write */
};

#define auto_json __attribute__((cleanup(sd_json_variant_unrefp)))

int fs_fail(struct fs_context *fs, sd_varlink *link, int r, const struct error *err)
{
	batch_judge(fs->batch, r, err);
	return sd_varlink_error_errno(link, r);
}

int64_t fs_number(sd_json_variant *value, int64_t fallback)
{
	return value && sd_json_variant_is_integer(value) ? sd_json_variant_integer(value)
							  : fallback;
}

/* One write as it came; what write points to is in here. */
struct request {
	const char *given_path, *text, *author;
	sd_json_variant *content_fd, *expect, *question, *label_array;
	int64_t length;
	bool append;

	char path[PATH_BYTES + 1], *labels;
	struct buf content;
	struct document_write write;
};

static void request_fini(struct request *request)
{
	free(request->labels);
	buf_free(&request->content);
}

/* True when an author names a tool call: "tool:" and an id. */
static bool is_call(const char *author)
{
	size_t length = strnlen(author, sizeof("tool:") + CALL_ID_BYTES);

	if (strncmp(author, "tool:", 5) != 0 || length == 5 || length > 5 + CALL_ID_BYTES)
		return false;
	for (size_t i = 5; i < length; i++)
		if (!isalnum((unsigned char)author[i]) && !strchr("_.:-", author[i]))
			return false;
	return true;
}

/* What the caller may write as: 1, or the reply's return value with the error sent. */
static int check_author(struct fs_context *fs, sd_varlink *link, const char *author)
{
	struct error err = { 0 };

	if (strcmp(author, "person") == 0 && !service_peer_is(link, &fs->owner, 1))
		return wire_denied(link, "only the person writes as \"person\"");
	if (strcmp(author, "person") == 0 || strcmp(author, "agent") == 0 || is_call(author))
		return 1;
	(void)FAIL(&err, -EINVAL, "author is person, agent or tool:<call id>");
	return wire_invalid(link, &err);
}

/* Copies what the descriptor holds now; what becomes of it later does not matter. */
static int read_descriptor(int fd, size_t length, struct buf *out, struct error *err)
{
	struct stat st;
	char *at;
	int r;

	if (fd < 0)
		return FAIL(err, -EINVAL, "contentFd names no descriptor that came along");
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) /* nothing that could block */
		return FAIL(err, -EINVAL, "contentFd is neither a memfd nor a file");
	r = buf_reserve(out, length, &at);
	if (r < 0)
		return FAIL(err, r, "out of memory");
	while (out->length < length) {
		ssize_t n = pread(fd, out->data + out->length, length - out->length,
				  (off_t)out->length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return FAIL(err, -EINVAL, "contentFd holds %zu bytes, not %zu", out->length,
				    length);
		buf_commit(out, (size_t)n);
	}
	return 0;
}

static int read_content(sd_varlink *link, struct request *request, struct error *err)
{
	size_t length = request->text ? strlen(request->text) : (size_t)request->length;
	int r = 0;

	if (!!request->text == (fs_number(request->content_fd, -1) >= 0))
		return FAIL(err, -EINVAL, "content comes either as text or by contentFd");
	if (request->text && request->length != 0 && request->length != (int64_t)length)
		return FAIL(err, -EINVAL, "length is not that of text");
	if (request->text && length > WRITE_TEXT_BYTES)
		return FAIL(err, -EINVAL, "text over %d bytes comes by contentFd",
			    WRITE_TEXT_BYTES);
	request->content = BUF(length + 1);
	if (request->text)
		r = buf_add(&request->content, request->text, length);
	else
		r = read_descriptor(
			sd_varlink_peek_fd(link, (size_t)fs_number(request->content_fd, 0)), length,
			&request->content, err);
	if (r < 0)
		return r;
	if (!path_is_text(buf_string(&request->content), length))
		return FAIL(err, -EINVAL, "content is not UTF-8 text");
	return 0;
}

/* Fills request->write: 1, or the reply's return value with the error sent. */
static int prepare(struct fs_context *fs, sd_varlink *link, struct request *request)
{
	uint64_t bytes_max = store_quotas(fs->store)->document_bytes;
	struct error err = { 0 };
	int r = check_author(fs, link, request->author);

	if (r != 1)
		return r;
	if (path_document(request->given_path, request->path, &err) < 0)
		return wire_invalid_path(link, request->given_path, &err);
	if (request->length < 0 || (uint64_t)request->length > bytes_max)
		return wire_quota(link, "fs.document_bytes", bytes_max);
	if (read_content(link, request, &err) < 0 ||
	    wire_labels(request->label_array, &request->labels, &err) < 0)
		return wire_invalid(link, &err);
	request->write = (struct document_write){
		.path = request->path,
		.owner = fs->owner,
		.text = buf_string(&request->content),
		.length = request->content.length,
		.append = request->append,
		.labels = request->labels,
		.author = request->author,
		.expect_version = fs_number(request->expect, -1),
		.now_us = clock_realtime_us(),
	};
	return 1;
}

/* Tells the caller about a write that was not made. */
static int refuse(sd_varlink *link, const struct write_result *result)
{
	if (result->outcome == WRITE_CONFLICT)
		return wire_conflict(link, result->document.path, result->document.version);
	return wire_quota(link, result->limit, result->limit_value);
}

/* Writes inside the batch; the reply is sent with the commit. question: 0 or what is used up. */
static int commit_write(struct fs_context *fs, sd_varlink *link, const struct document_write *write,
			int64_t question)
{
	struct write_result result = { 0 };
	auto_json sd_json_variant *record = NULL, *reply = NULL;
	struct error err = { 0 };
	int r = batch_begin(fs->batch, &err);

	if (r < 0)
		return fs_fail(fs, link, r, &err);
	r = document_write(fs->store, write, &result, &err);
	if (r >= 0 && (result.outcome == WRITE_CONFLICT || result.outcome == WRITE_OVER_LIMIT)) {
		batch_undo(fs->batch);
		r = refuse(link, &result);
		document_fini(&result.document);
		return r;
	}
	if (r >= 0 && question > 0)
		r = question_use(fs->store, question, &err);
	if (r >= 0)
		r = wire_document(&result.document, &record, &err);
	if (r >= 0 && sd_json_buildo(&reply, SD_JSON_BUILD_PAIR_VARIANT("document", record)) < 0)
		r = FAIL(&err, -ENOMEM, "out of memory");
	document_fini(&result.document);
	if (r >= 0)
		r = batch_keep(fs->batch, link, reply, &err);
	if (r < 0) {
		batch_undo(fs->batch);
		return fs_fail(fs, link, r, &err);
	}
	return 0;
}

/*
 * Tries a write that needs the person's word, and takes it back: whether it would be made at all.
 * 1: it would; else the reply's return value, with the reply sent.
 */
static int try_write(struct fs_context *fs, sd_varlink *link, const struct document_write *write,
		     bool *ret_made)
{
	struct write_result result = { 0 };
	struct error err = { 0 };
	int r = batch_begin(fs->batch, &err);

	*ret_made = false;
	if (r < 0)
		return fs_fail(fs, link, r, &err);
	r = document_write(fs->store, write, &result, &err);
	batch_undo(fs->batch);
	if (r < 0)
		r = fs_fail(fs, link, r, &err);
	else if (result.outcome == WRITE_CONFLICT || result.outcome == WRITE_OVER_LIMIT)
		r = refuse(link, &result);
	else
		r = 1;
	*ret_made = result.outcome == WRITE_REPEATED;
	document_fini(&result.document);
	return r;
}

/* Makes a question durable, then names it to the caller. */
static int ask(struct fs_context *fs, sd_varlink *link, const struct document_write *write)
{
	auto_buf struct buf action = BUF(write->length + ACTION_EXTRA_BYTES);
	enum question_outcome outcome = QUESTION_ASKED;
	struct error err = { 0 };
	int64_t id = 0;
	int r = batch_flush(fs->batch, &err);

	if (r < 0)
		return sd_varlink_error_errno(link, r);
	r = store_begin(fs->store, &err);
	if (r >= 0)
		r = question_ask(fs->store, write, &id, &action, &outcome, &err);
	if (r >= 0)
		r = store_commit(fs->store, &err);
	if (r < 0) {
		store_rollback(fs->store);
		return fs_fail(fs, link, r, &err);
	}
	if (outcome == QUESTION_TOO_MANY)
		return wire_quota(link, "fs.questions", store_quotas(fs->store)->questions);
	return wire_approval(link, id, buf_string(&action));
}

/* A write to an identity document that does not come from the person. */
static int write_with_word(struct fs_context *fs, sd_varlink *link,
			   const struct document_write *write, int64_t question)
{
	auto_buf struct buf action = BUF(write->length + ACTION_EXTRA_BYTES);
	enum question_verdict verdict = VERDICT_UNKNOWN;
	struct error err = { 0 };
	bool made;
	int r = try_write(fs, link, write, &made);

	if (r != 1)
		return r;
	if (made) /* by the same call, before a crash: nothing changes */
		return commit_write(fs, link, write, 0);
	if (question <= 0)
		return ask(fs, link, write);
	r = question_judge(fs->store, question, write, &action, &verdict, &err);
	if (r < 0)
		return fs_fail(fs, link, r, &err);
	switch (verdict) {
	case VERDICT_UNKNOWN:
		return wire_unknown_question(link, question);
	case VERDICT_WAITS:
		return wire_approval(link, question, buf_string(&action));
	case VERDICT_REFUSED:
		return wire_denied(link, "the person refused this change");
	case VERDICT_OTHER:
		return wire_denied(link, "the person answered for another change, or the document "
					 "has changed since: ask again");
	case VERDICT_GRANTED:
		return commit_write(fs, link, write, question);
	}
	return -EINVAL;
}

int fs_on_write(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		void *userdata)
{
	static const sd_json_dispatch_field fields[] = {
		{ "path", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct request, given_path), SD_JSON_MANDATORY },
		{ "text", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct request, text), SD_JSON_NULLABLE },
		{ "contentFd", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_variant_noref,
		  offsetof(struct request, content_fd), SD_JSON_NULLABLE },
		{ "length", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_int64,
		  offsetof(struct request, length), SD_JSON_MANDATORY },
		{ "append", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool,
		  offsetof(struct request, append), SD_JSON_MANDATORY },
		{ "labels", SD_JSON_VARIANT_ARRAY, sd_json_dispatch_variant_noref,
		  offsetof(struct request, label_array), SD_JSON_MANDATORY },
		{ "author", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct request, author), SD_JSON_MANDATORY },
		{ "expectVersion", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_variant_noref,
		  offsetof(struct request, expect), SD_JSON_NULLABLE },
		{ "question", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_variant_noref,
		  offsetof(struct request, question), SD_JSON_NULLABLE },
		{ 0 },
	};
	CLEANUP(request_fini) struct request request = { 0 };
	struct fs_context *fs = userdata;
	int r = sd_varlink_dispatch(link, parameters, fields, &request);

	(void)flags;
	if (r != 0)
		return r;
	r = prepare(fs, link, &request);
	if (r != 1)
		return r;
	if (path_is_identity(request.path) && strcmp(request.author, "person") != 0)
		return write_with_word(fs, link, &request.write, fs_number(request.question, 0));
	return commit_write(fs, link, &request.write, 0);
}

/* YYYY-MM-DD with a month and a day that exist in some month. */
static bool is_date(const char *date)
{
	int month, day;

	if (strnlen(date, DATE_BYTES + 1) != DATE_BYTES)
		return false;
	for (int i = 0; i < DATE_BYTES; i++)
		if (i == 4 || i == 7 ? date[i] != '-' : !isdigit((unsigned char)date[i]))
			return false;
	month = (date[5] - '0') * 10 + date[6] - '0';
	day = (date[8] - '0') * 10 + date[9] - '0';
	return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

int fs_on_log(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
	      void *userdata)
{
	struct log_line {
		const char *date, *text, *author;
	} line = { 0 };
	static const sd_json_dispatch_field fields[] = {
		{ "date", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct log_line, date), SD_JSON_MANDATORY },
		{ "text", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct log_line, text), SD_JSON_MANDATORY },
		{ "author", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct log_line, author), SD_JSON_MANDATORY },
		{ 0 },
	};
	auto_buf struct buf text = BUF(WRITE_TEXT_BYTES + 1);
	struct fs_context *fs = userdata;
	char path[sizeof("daily/YYYY-MM-DD.md")];
	struct error err = { 0 };
	int r = sd_varlink_dispatch(link, parameters, fields, &line);

	(void)flags;
	if (r != 0)
		return r;
	r = check_author(fs, link, line.author);
	if (r != 1)
		return r;
	if (!is_date(line.date))
		r = FAIL(&err, -EINVAL, "a date is written YYYY-MM-DD");
	else if (strlen(line.text) > WRITE_TEXT_BYTES || buf_add_string(&text, line.text) < 0)
		r = FAIL(&err, -EINVAL, "a line of the log has at most %d bytes", WRITE_TEXT_BYTES);
	else if (text.length == 0)
		r = FAIL(&err, -EINVAL, "a line of the log has some text");
	if (r < 0)
		return wire_invalid(link, &err);
	if (text.data[text.length - 1] != '\n' && buf_add_char(&text, '\n') < 0)
		return sd_varlink_error_errno(link, -ENOMEM);
	(void)snprintf(path, sizeof(path), "daily/%s.md", line.date);
	return commit_write(fs, link,
			    &(struct document_write){ .path = path,
						      .owner = fs->owner,
						      .text = text.data,
						      .length = text.length,
						      .append = true,
						      .labels = "[]",
						      .author = line.author,
						      .expect_version = -1,
						      .now_us = clock_realtime_us() },
			    0);
}

int fs_on_answer(sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags,
		 void *userdata)
{
	struct word {
		int64_t question;
		bool allow;
		const char *action;
	} word = { 0 };
	static const sd_json_dispatch_field fields[] = {
		{ "question", SD_JSON_VARIANT_INTEGER, sd_json_dispatch_int64,
		  offsetof(struct word, question), SD_JSON_MANDATORY },
		{ "allow", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_stdbool,
		  offsetof(struct word, allow), SD_JSON_MANDATORY },
		{ "action", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
		  offsetof(struct word, action), SD_JSON_MANDATORY },
		{ 0 },
	};
	struct fs_context *fs = userdata;
	struct error err = { 0 };
	int r = sd_varlink_dispatch(link, parameters, fields, &word), found = 0;

	(void)flags;
	if (r != 0)
		return r;
	if (!service_peer_is(link, &fs->owner, 1))
		return wire_denied(link, "only the person answers");
	r = batch_flush(fs->batch, &err);
	if (r < 0)
		return sd_varlink_error_errno(link, r);
	r = store_begin(fs->store, &err);
	if (r >= 0)
		r = found = question_answer(fs->store, word.question, word.allow, word.action,
					    clock_realtime_us(), &err);
	if (r >= 0)
		r = store_commit(fs->store, &err);
	if (r == -EKEYREJECTED) {
		store_rollback(fs->store);
		return wire_denied(link, err.text);
	}
	if (r < 0) {
		store_rollback(fs->store);
		return fs_fail(fs, link, r, &err);
	}
	return found ? sd_varlink_reply(link, NULL) : wire_unknown_question(link, word.question);
}
