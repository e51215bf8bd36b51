/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-question - requests that wait for a person's word (L6).
 *
 * A question is about one exact request: method, URL, headers, body and the thread it is made for;
 * its number is not used again, nor by the next process. Asking the same again gives the same
 * question. Its action is the text that the person sees; a word that names another text is no word
 * on this question, whoever passed the number on. The first word counts.
 *
 * There are at most `max` of them, each for `seconds`; the oldest goes when there is no room. Age
 * is looked at when the list is used, so no timer runs. Each change is durable before it is told
 * (egress-question-file.c): a question waits on after a restart, a yes is used once.
 *
 * Ownership  The list owns its questions; what is returned is borrowed until the next change.
 * Errors     -errno of writing; nothing has changed then.
 * Source     spec/egress.md, "The file of questions"
 */
#pragma once

#include "base/error.h"
#include "base/sha256.h"
#include "l6-agent/egress-url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct curl_slist;

enum egress_word { EGRESS_WORD_NONE, EGRESS_WORD_YES, EGRESS_WORD_NO };

struct egress_request {
	const char *method;
	const struct egress_url *url;
	const struct curl_slist *headers;
	const void *body;
	size_t length;
	const char *thread; /* NULL: none */
};

struct egress_question {
	uint64_t id;
	struct egress_url url;
	char method[8];
	size_t length;
	char *action;               /* what is sent where, in its first line; headers and body */
	char *thread;               /* NULL: none */
	uint8_t hash[SHA256_BYTES]; /* of headers and body */
	int64_t asked_us;           /* monotonic; before 0 when the machine was started after it */
	uint64_t created_us;        /* realtime */
	enum egress_word word;
};

struct egress_questions;

/*
 * Reads the file `questions` in the folder (absent: none). max is at most EGRESS_QUESTIONS_MAX. A
 * file that is damaged is passed over and *ret_is_lost set: what was asked is then asked again.
 */
must_check int egress_questions_open(int folder_fd, uint64_t max, uint64_t seconds,
				     struct egress_questions **ret, bool *ret_is_lost);
void egress_questions_free(struct egress_questions *questions);

/* The question about this request, the one that waits already or a new one. */
must_check int egress_questions_ask(struct egress_questions *questions,
				    const struct egress_request *request,
				    struct egress_question **ret);

/* NULL when there is none of that number (any more). */
struct egress_question *egress_questions_find(struct egress_questions *questions, uint64_t id);

bool egress_question_is_about(const struct egress_question *question,
			      const struct egress_request *request);
/* The person's word. Durable when it returns 0. */
must_check int egress_questions_answer(struct egress_questions *questions,
				       struct egress_question *question, enum egress_word word);

/* Its word has been used: forgotten, durably. Pointers to other questions are stale then. */
must_check int egress_questions_use(struct egress_questions *questions,
				    struct egress_question *question);

/* The n-th that waits for a word, oldest first; NULL behind the last. */
const struct egress_question *egress_questions_waiting(struct egress_questions *questions,
						       size_t n);

/* egress-question-file.c: the file as it is on disk. */
must_check int egress_questions_write(int folder_fd, const struct egress_question list[], size_t n);
/* Up to max, oldest first; the caller owns what is in them. -EBADMSG: damaged, nothing is read. */
must_check int egress_questions_read(int folder_fd, struct egress_question list[], size_t max,
				     size_t *ret_n);
void egress_question_free(struct egress_question *question);
