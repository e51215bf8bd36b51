/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-question.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "l6-agent/egress-limits.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { HEADER_SHOWN_BYTES = 160, BODY_SHOWN_BYTES = 4096, ACTION_BYTES_MAX = 32 * 1024 };

/* Numbers begin anywhere, so that none of a process before comes again; every JSON reader counts so
 * far without loss. */
static const uint64_t first_id_mask = (UINT64_C(1) << 52) - 1;

struct egress_questions {
	struct egress_question list[EGRESS_QUESTIONS_MAX]; /* oldest first */
	size_t n, max;
	int folder_fd; /* borrowed */
	uint64_t valid_us;
	uint64_t last_id;
};

/* The clock may have been set back meanwhile: then a question is as good as new. */
static int64_t asked_at(const struct egress_question *question)
{
	uint64_t now_us = clock_realtime_us();
	uint64_t age_us = now_us > question->created_us ? now_us - question->created_us : 0;

	return (int64_t)clock_monotonic_us() - (int64_t)age_us;
}

static int read_file(struct egress_questions *questions, bool *ret_is_lost)
{
	int r = egress_questions_read(questions->folder_fd, questions->list, questions->max,
				      &questions->n);

	*ret_is_lost = r == -EBADMSG;
	for (size_t i = 0; r >= 0 && i < questions->n; i++)
		questions->list[i].asked_us = asked_at(&questions->list[i]);
	return r == -EBADMSG ? 0 : r;
}

int egress_questions_open(int folder_fd, uint64_t max, uint64_t seconds,
			  struct egress_questions **ret, bool *ret_is_lost)
{
	struct egress_questions *questions = calloc(1, sizeof(*questions));
	int r;

	assert(max > 0 && max <= EGRESS_QUESTIONS_MAX);
	if (!questions)
		return -ENOMEM;
	questions->folder_fd = folder_fd;
	questions->max = max;
	questions->valid_us = seconds * CLOCK_SECOND_US;
	r = getrandom(&questions->last_id, sizeof(questions->last_id), 0) ==
			    sizeof(questions->last_id)
		    ? read_file(questions, ret_is_lost)
		    : -EIO;
	if (r < 0) {
		free(questions);
		return r;
	}
	questions->last_id &= first_id_mask;
	*ret = questions;
	return 0;
}

void egress_question_free(struct egress_question *question)
{
	egress_url_free(&question->url);
	free(question->action);
	free(question->thread);
}

static void remove_at(struct egress_questions *questions, size_t at)
{
	egress_question_free(&questions->list[at]);
	memmove(&questions->list[at], &questions->list[at + 1],
		(questions->n - at - 1) * sizeof(questions->list[0]));
	questions->n--;
}

void egress_questions_free(struct egress_questions *questions)
{
	if (!questions)
		return;
	while (questions->n > 0)
		remove_at(questions, questions->n - 1);
	free(questions);
}

/* What is too old goes from the file with the next change. */
static void forget_old(struct egress_questions *questions)
{
	int64_t now_us = (int64_t)clock_monotonic_us();

	for (size_t i = questions->n; i-- > 0;)
		if (now_us - questions->list[i].asked_us > (int64_t)questions->valid_us)
			remove_at(questions, i);
}

static int save(const struct egress_questions *questions)
{
	return egress_questions_write(questions->folder_fd, questions->list, questions->n);
}

static void hash_request(const struct egress_request *request, uint8_t ret[SHA256_BYTES])
{
	struct sha256 hash;

	sha256_init(&hash);
	for (const struct curl_slist *at = request->headers; at; at = at->next)
		sha256_add(&hash, at->data, strlen(at->data) + 1);
	sha256_add(&hash, "", 1); /* no header line is empty */
	sha256_add(&hash, request->body, request->length);
	sha256_end(&hash, ret);
}

bool egress_question_is_about(const struct egress_question *question,
			      const struct egress_request *request)
{
	uint8_t hash[SHA256_BYTES];

	if (strcmp(question->method, request->method) != 0 ||
	    strcmp(question->url.url, request->url->url) != 0 ||
	    question->length != request->length ||
	    strcmp(question->thread ? question->thread : "",
		   request->thread ? request->thread : "") != 0)
		return false;
	hash_request(request, hash);
	return memcmp(hash, question->hash, sizeof(hash)) == 0;
}

static char *copy(const char *text, bool *failed)
{
	char *made = strdup(text);

	*failed = *failed || !made;
	return made;
}

/* Every request has these; "Name:" tells libcurl to send none. */
static bool is_default(const char *header)
{
	return header[strlen(header) - 1] == ':' || strcmp(header, "User-Agent: clawos") == 0;
}

/* What is no text can only be named: the same bytes have the same hash. */
static int write_binary(const struct egress_request *request, struct buf *out)
{
	uint8_t hash[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];
	struct sha256 state;

	sha256_init(&state);
	sha256_add(&state, request->body, request->length);
	sha256_end(&state, hash);
	sha256_hex(hash, hex);
	return buf_printf(out, "\n(not text, SHA-256 %s)", hex);
}

/* The body is what leaves the machine; a long one is shown by its front. */
static int write_body(const struct egress_request *request, struct buf *out)
{
	size_t shown = utf8_cut(request->body, request->length, BODY_SHOWN_BYTES);
	int r;

	if (request->length == 0)
		return 0;
	if (memchr(request->body, '\0', request->length) ||
	    !utf8_is_valid(request->body, request->length))
		return write_binary(request, out);
	r = buf_add_char(out, '\n');
	if (r >= 0)
		r = buf_add(out, request->body, shown);
	if (r >= 0 && shown < request->length)
		r = buf_printf(out, "\n… (%zu bytes more)", request->length - shown);
	return r;
}

/* Headers carry data out as a body does, so they are shown; a long one by its front and length. */
static int write_action(const struct egress_request *request, struct buf *out)
{
	const char *between = " with ";
	int r = buf_printf(out, "%s %s (%zu bytes)", request->method, request->url->url,
			   request->length);

	for (const struct curl_slist *at = request->headers; at && r >= 0; at = at->next) {
		size_t length = strlen(at->data);
		size_t shown = utf8_cut(at->data, length, HEADER_SHOWN_BYTES);

		if (is_default(at->data))
			continue;
		r = buf_printf(out, "%s%.*s", between, (int)shown, at->data);
		between = ", ";
		if (r >= 0 && shown < length)
			r = buf_printf(out, "… (%zu bytes)", length);
	}
	return r < 0 ? r : write_body(request, out);
}

static int fill(struct egress_question *question, const struct egress_request *request)
{
	auto_buf struct buf action = BUF(ACTION_BYTES_MAX);
	bool failed = strlen(request->method) >= sizeof(question->method);
	int r = failed ? -EINVAL : write_action(request, &action);

	if (r < 0)
		return r;
	question->url = (struct egress_url){ .url = copy(request->url->url, &failed),
					     .scheme = copy(request->url->scheme, &failed),
					     .host = copy(request->url->host, &failed),
					     .path = copy(request->url->path, &failed),
					     .port = request->url->port };
	if (request->thread)
		question->thread = copy(request->thread, &failed);
	if (failed) {
		egress_question_free(question);
		return -ENOMEM;
	}
	memcpy(question->method, request->method, strlen(request->method) + 1);
	question->length = request->length;
	hash_request(request, question->hash);
	question->action = buf_take(&action);
	question->asked_us = (int64_t)clock_monotonic_us();
	question->created_us = clock_realtime_us();
	return 0;
}

int egress_questions_ask(struct egress_questions *questions, const struct egress_request *request,
			 struct egress_question **ret)
{
	struct egress_question made = { 0 };
	int r;

	forget_old(questions);
	for (size_t i = 0; i < questions->n; i++) {
		if (questions->list[i].word == EGRESS_WORD_NONE &&
		    egress_question_is_about(&questions->list[i], request)) {
			*ret = &questions->list[i];
			return 0;
		}
	}
	r = fill(&made, request);
	if (r < 0)
		return r;
	if (questions->n == questions->max)
		remove_at(questions, 0);
	made.id = ++questions->last_id;
	questions->list[questions->n] = made;
	r = egress_questions_write(questions->folder_fd, questions->list, questions->n + 1);
	if (r < 0) {
		egress_question_free(&questions->list[questions->n]);
		return r;
	}
	*ret = &questions->list[questions->n++];
	return 0;
}

struct egress_question *egress_questions_find(struct egress_questions *questions, uint64_t id)
{
	forget_old(questions);
	for (size_t i = 0; i < questions->n; i++)
		if (questions->list[i].id == id)
			return &questions->list[i];
	return NULL;
}

int egress_questions_answer(struct egress_questions *questions, struct egress_question *question,
			    enum egress_word word)
{
	int r;

	assert(question->word == EGRESS_WORD_NONE);
	question->word = word;
	r = save(questions);
	if (r < 0)
		question->word = EGRESS_WORD_NONE;
	return r;
}

int egress_questions_use(struct egress_questions *questions, struct egress_question *question)
{
	size_t at = (size_t)(question - questions->list);
	struct egress_question used = *question;
	int r;

	memmove(question, question + 1, (questions->n - at - 1) * sizeof(*question));
	questions->n--;
	r = save(questions);
	if (r >= 0) {
		egress_question_free(&used);
		return 0;
	}
	memmove(question + 1, question, (questions->n - at) * sizeof(*question));
	*question = used;
	questions->n++;
	return r;
}

const struct egress_question *egress_questions_waiting(struct egress_questions *questions, size_t n)
{
	forget_old(questions);
	for (size_t i = 0; i < questions->n; i++)
		if (questions->list[i].word == EGRESS_WORD_NONE && n-- == 0)
			return &questions->list[i];
	return NULL;
}
