/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/submit.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/attach.h"
#include "l7-shell/link.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
	KEY_BYTES = 16,
	ATTEMPTS_MAX = 5,
	CONTEXT_BYTES_MAX = 16 * 1024 * 1024,
	READ_STEP = 64 * 1024
};

int submit_make_key(char ret[SUBMIT_KEY_BYTES], struct error *err)
{
	uint8_t bytes[KEY_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return FAIL(err, -EIO, "no random numbers");
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

/* The descriptor's index in the message, -1 when there is none. */
static int push(sd_varlink *link, int fd, int *ret_index)
{
	int r = fd < 0 ? -1 : sd_varlink_push_dup_fd(link, fd);

	*ret_index = r;
	return fd < 0 ? 0 : r;
}

static int push_files(sd_varlink *link, const struct attachments *attachments,
		      sd_json_variant **ret)
{
	int index = 0, r = sd_json_build(ret, SD_JSON_BUILD_EMPTY_ARRAY);

	for (size_t i = 0; attachments && i < attachments->n && r >= 0; i++) {
		r = push(link, attachments->files[i].fd, &index);
		if (r >= 0)
			r = sd_json_variant_append_arraybo(
				ret, SD_JSON_BUILD_PAIR_STRING("name", attachments->files[i].name),
				SD_JSON_BUILD_PAIR_INTEGER("fd", index));
	}
	return r;
}

static int build(const struct submission *submission, const char *key, const int fds[3],
		 sd_json_variant *files, sd_json_variant **ret)
{
	auto_json sd_json_variant *allow = NULL;
	int r = sd_json_build(&allow, SD_JSON_BUILD_EMPTY_ARRAY);

	for (size_t i = 0; i < submission->n_allow && r >= 0; i++)
		r = sd_json_variant_append_arrayb(&allow,
						  SD_JSON_BUILD_STRING(submission->allow[i]));
	if (r < 0)
		return r;
	return sd_json_buildo(
		ret, SD_JSON_BUILD_PAIR_STRING("thread", submission->thread),
		SD_JSON_BUILD_PAIR_STRING("text", submission->text),
		SD_JSON_BUILD_PAIR_CONDITION(fds[0] >= 0, "contextFd",
					     SD_JSON_BUILD_INTEGER(fds[0])),
		SD_JSON_BUILD_PAIR_CONDITION(sd_json_variant_elements(files) > 0, "attachments",
					     SD_JSON_BUILD_VARIANT(files)),
		SD_JSON_BUILD_PAIR_CONDITION(fds[1] >= 0, "recordFd",
					     SD_JSON_BUILD_INTEGER(fds[1])),
		SD_JSON_BUILD_PAIR_CONDITION(fds[2] >= 0, "replayFd",
					     SD_JSON_BUILD_INTEGER(fds[2])),
		SD_JSON_BUILD_PAIR_CONDITION(submission->tool != NULL, "tool",
					     SD_JSON_BUILD_STRING(submission->tool)),
		SD_JSON_BUILD_PAIR_CONDITION(submission->arguments != NULL, "arguments",
					     SD_JSON_BUILD_VARIANT(submission->arguments)),
		SD_JSON_BUILD_PAIR_VARIANT("allow", allow),
		SD_JSON_BUILD_PAIR_BOOLEAN("unattended", submission->unattended),
		SD_JSON_BUILD_PAIR_UNSIGNED("workspace", submission->workspace),
		SD_JSON_BUILD_PAIR_STRING("key", key));
}

static int attempt(int run_fd, const struct submission *submission, const char *key,
		   struct accepted *ret, struct error *err)
{
	auto_link sd_varlink *link = NULL;
	auto_json sd_json_variant *parameters = NULL, *files = NULL, *reply = NULL;
	int fds[3], r = link_open(run_fd, "agent", &link, err);

	if (r < 0)
		return r;
	r = push(link, submission->context_fd, &fds[0]);
	if (r >= 0)
		r = push(link, submission->record_fd, &fds[1]);
	if (r >= 0)
		r = push(link, submission->replay_fd, &fds[2]);
	if (r >= 0)
		r = push_files(link, submission->attachments, &files);
	if (r >= 0)
		r = build(submission, key, fds, files, &parameters);
	if (r < 0)
		return FAIL(err, r, "preparing the message: %s", strerror(-r));
	r = link_call(link, "io.clawos.Agent.Submit", parameters, &reply, err);
	if (r < 0)
		return r;
	ret->turn = (uint64_t)link_integer(reply, "turn");
	ret->seq = (uint64_t)link_integer(reply, "seq");
	return 0;
}

int submit(int run_fd, const struct submission *submission, struct accepted *ret, struct error *err)
{
	char key[SUBMIT_KEY_BYTES];
	int r = submit_make_key(key, err);

	for (unsigned i = 0; i < ATTEMPTS_MAX && (r == 0 || r == -ECONNRESET); i++) {
		r = attempt(run_fd, submission, key, ret, err);
		if (r == 0)
			return 0;
	}
	return error_prefix(err, "the message was not accepted");
}

int submit_read_context(int *ret, struct error *err)
{
	auto_buf struct buf text = BUF(CONTEXT_BYTES_MAX);

	*ret = -1;
	if (isatty(STDIN_FILENO))
		return 0;
	for (;;) {
		char *at;
		ssize_t n;
		int r = buf_reserve(&text, READ_STEP, &at);

		if (r < 0)
			return FAIL(err, r, "standard input holds more than %d MiB",
				    CONTEXT_BYTES_MAX / (1024 * 1024));
		n = read(STDIN_FILENO, at, READ_STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EBADF)
			return 0; /* started without one */
		if (n < 0)
			return FAIL(err, -errno, "standard input: %s", strerror(errno));
		if (n == 0)
			break;
		buf_commit(&text, (size_t)n);
	}
	if (text.length == 0)
		return 0;
	*ret = dir_sealed_memfd("context", text.data, text.length);
	return *ret < 0 ? FAIL(err, *ret, "keeping standard input: %s", strerror(-*ret)) : 0;
}
