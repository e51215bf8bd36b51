/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * egress-question - requests that wait for a person's word (L6).
 *
 * A question is about one exact request: method, URL, headers and body; its number is not used
 * again, nor by the next process. Asking the same again gives
 * the same question. Its action is the text that the person sees; a word that names another text is
 * no word on this question, whoever passed the number on. Questions live in memory, at most `max`
 * of them and each for `seconds`; the oldest goes when there is no room. Age is looked at when the
 * list is used, so no timer runs.
 *
 * Ownership  The list owns its questions; what is returned is borrowed until the next change.
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
};

struct egress_question {
	uint64_t id;
	struct egress_url url;
	char method[8];
	size_t length;
	char *action;                  /* one line: what is sent where */
	uint8_t hash[SHA256_BYTES];    /* of headers and body */
	uint64_t asked_us, created_us; /* monotonic; realtime */
	enum egress_word word;
};

struct egress_questions;

/* max is at most EGRESS_QUESTIONS_MAX. */
must_check int egress_questions_new(uint64_t max, uint64_t seconds, struct egress_questions **ret);
void egress_questions_free(struct egress_questions *questions);

/* The question about this request, the one that waits already or a new one. */
must_check int egress_questions_ask(struct egress_questions *questions,
				    const struct egress_request *request,
				    struct egress_question **ret);

/* NULL when there is none of that number (any more). */
struct egress_question *egress_questions_find(struct egress_questions *questions, uint64_t id);

bool egress_question_is_about(const struct egress_question *question,
			      const struct egress_request *request);
/* Forgets it; pointers to other questions are stale then. */
void egress_questions_remove(struct egress_questions *questions, struct egress_question *question);

/* The n-th that waits for a word, oldest first; NULL behind the last. */
const struct egress_question *egress_questions_waiting(struct egress_questions *questions,
						       size_t n);
