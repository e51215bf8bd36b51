/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * questions - changes of identity documents that wait for the person's word (L3).
 *
 * A question holds the whole change: path, the version it was made for, append, labels, every byte.
 * The person's yes lets exactly this change pass, once, until it expires. Kept in the store: a
 * number is never used again, so a late answer cannot meet another question.
 *
 * Nothing here opens a transaction. Expiry is judged when a question is looked at; nothing wakes.
 *
 * Source     spec/clawfs-store.md, "Questions".
 * Tests      tests/unit/l3-clawfs/test-questions.c
 */
#pragma once

#include "base/buf.h"
#include "l3-clawfs/documents.h"

enum { QUESTION_OPEN, QUESTION_ALLOWED, QUESTION_REFUSED };

enum question_outcome {
	QUESTION_ASKED,   /* ret_id waits for the person */
	QUESTION_TOO_MANY /* quotas.questions are waiting */
};

/*
 * Asks for a write, or finds the open question that asks for the very same. ret_action receives the
 * exact action as text for the person.
 */
must_check int question_ask(struct store *store, const struct document_write *write,
			    int64_t *ret_id, struct buf *ret_action, enum question_outcome *ret,
			    struct error *err);

enum question_verdict {
	VERDICT_UNKNOWN, /* never asked, expired or used */
	VERDICT_WAITS,   /* nobody has answered */
	VERDICT_REFUSED,
	VERDICT_OTHER, /* the answer was for another change, or the document has changed since */
	VERDICT_GRANTED,
};
/* Judges a write that names a question. ret_action as in question_ask(), for VERDICT_WAITS. */
must_check int question_judge(struct store *store, int64_t id, const struct document_write *write,
			      struct buf *ret_action, enum question_verdict *ret,
			      struct error *err);

/* The change was made: the question is gone. */
must_check int question_use(struct store *store, int64_t id, struct error *err);

/* The person's word, and the exact text the person was shown. Returns 1, 0 when there is no
 * such question (any more), or -EKEYREJECTED when it is about something else. */
must_check int question_answer(struct store *store, int64_t id, bool allow, const char *action,
			       uint64_t now_us, struct error *err);

struct question {
	int64_t id;
	const char *path, *action;
	uint64_t created_us;
	int answer;
};
typedef int (*question_fn)(const struct question *question, void *data, struct error *err);
/* Every question that is valid now, oldest first. */
must_check int question_list(struct store *store, uint64_t now_us, question_fn on_question,
			     void *data, struct error *err);
