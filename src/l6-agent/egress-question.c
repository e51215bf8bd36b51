/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/egress-question.h"

#include "base/clock.h"
#include "l6-agent/egress-limits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct egress_questions {
	struct egress_question list[EGRESS_QUESTIONS_MAX]; /* oldest first */
	size_t n, max;
	uint64_t valid_us;
	uint64_t last_id;
};

int egress_questions_new(uint64_t max, uint64_t seconds, struct egress_questions **ret)
{
	struct egress_questions *questions = calloc(1, sizeof(*questions));

	assert(max > 0 && max <= EGRESS_QUESTIONS_MAX);
	if (!questions)
		return -ENOMEM;
	questions->max = max;
	questions->valid_us = seconds * CLOCK_SECOND_US;
	*ret = questions;
	return 0;
}

static void remove_at(struct egress_questions *questions, size_t at)
{
	egress_url_free(&questions->list[at].url);
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

static void forget_old(struct egress_questions *questions)
{
	uint64_t now_us = clock_monotonic_us();

	while (questions->n > 0 && now_us - questions->list[0].asked_us > questions->valid_us)
		remove_at(questions, 0);
}

bool egress_question_is_about(const struct egress_question *question,
			      const struct egress_request *request)
{
	uint8_t hash[SHA256_BYTES];

	if (strcmp(question->method, request->method) != 0 ||
	    strcmp(question->url.url, request->url->url) != 0 ||
	    question->length != request->length)
		return false;
	sha256_of(request->body, request->length, hash);
	return memcmp(hash, question->body_hash, sizeof(hash)) == 0;
}

static char *copy(const char *text, bool *failed)
{
	char *made = strdup(text);

	*failed = *failed || !made;
	return made;
}

static int fill(struct egress_question *question, const struct egress_request *request)
{
	bool failed = strlen(request->method) >= sizeof(question->method);

	if (failed)
		return -EINVAL;
	question->url = (struct egress_url){ .url = copy(request->url->url, &failed),
					     .scheme = copy(request->url->scheme, &failed),
					     .host = copy(request->url->host, &failed),
					     .path = copy(request->url->path, &failed),
					     .port = request->url->port };
	if (failed) {
		egress_url_free(&question->url);
		return -ENOMEM;
	}
	memcpy(question->method, request->method, strlen(request->method) + 1);
	question->length = request->length;
	sha256_of(request->body, request->length, question->body_hash);
	question->asked_us = clock_monotonic_us();
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

void egress_questions_remove(struct egress_questions *questions, struct egress_question *question)
{
	remove_at(questions, (size_t)(question - questions->list));
}

const struct egress_question *egress_questions_waiting(struct egress_questions *questions, size_t n)
{
	forget_old(questions);
	for (size_t i = 0; i < questions->n; i++)
		if (questions->list[i].word == EGRESS_WORD_NONE && n-- == 0)
			return &questions->list[i];
	return NULL;
}
