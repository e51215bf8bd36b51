/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * progress - how far one turn has come: the fold of its records (L6).
 *
 * The running turn and the recovery of an interrupted one apply the same records with the same
 * function, so what a turn does next depends on its records alone.
 *
 * Ownership  progress_free() frees the content.
 * Errors     -EBADMSG for a record that cannot follow; -ENOMEM; errors of reading a blob.
 * Source     spec/journal.md, "Kinds"
 */
#pragma once

#include "l6-agent/journal-record.h"
#include "l6-agent/loop-watch.h"
#include "l6-agent/model.h"

#include <yyjson.h>

struct blob_store;

enum turn_phase {
	PHASE_NEW,        /* accepted */
	PHASE_READY,      /* the model is to be asked */
	PHASE_ASKING,     /* a model call is open */
	PHASE_CALLING,    /* tool calls of the last answer are open */
	PHASE_COMPACTING, /* older turns are to be summarised */
	PHASE_ANSWERED,   /* there is an answer to give */
	PHASE_FAILED,     /* there is a reason to give */
	PHASE_OVER,
};

enum call_phase {
	CALL_WAITING,
	CALL_STARTED, /* it may have had its effect */
	CALL_ASKED,   /* a question is open */
	CALL_ALLOWED,
	CALL_REFUSED,
	CALL_DONE,
};

/* Where the person's word on a question counts. */
enum question_via { VIA_AGENT, VIA_EGRESS, VIA_FS };

struct turn_call {
	struct tool_call call; /* as the model gave it */
	enum call_phase phase;
	unsigned starts;       /* how often it was begun */
	uint64_t first_intent; /* sequence and time of the first tool-started */
	uint64_t first_intent_time_us;
	uint64_t question;       /* sequence of its last question record */
	uint64_t question_there; /* the question's number at the via daemon */
	uint64_t deadline_us;    /* of the question, realtime */
	uint64_t timeout_us;     /* of the question, when it was asked */
	uint64_t ends_us;        /* the same, monotonic, of this process; 0: not looked at yet */
	enum question_via via;
	bool is_answered; /* the question was answered with yes */
	bool is_repeat;   /* the question is whether to repeat it */
	char *content;    /* what the model is shown, once it is done */
	bool ok;
	uint64_t result; /* sequence of tool-done */
};

struct progress {
	uint64_t turn;
	enum turn_phase phase;
	bool is_direct;
	unsigned exchanges;  /* model calls that are done */
	unsigned iterations; /* of them, with tool calls */
	unsigned attempts;   /* model-started records since the last model-done */
	unsigned tool_calls;
	unsigned steers;           /* words of the person that no model call has seen yet */
	bool is_compact;           /* the turn itself is a compaction that was asked for */
	bool is_too_long;          /* the provider said so: without a compaction it cannot go on */
	bool is_uncompactable;     /* a compaction of this turn failed: none is begun by itself */
	unsigned overflows;        /* how often the provider said so */
	unsigned compact_attempts; /* compact-started records since the last compacted */
	struct answer answer;      /* of the last model-done; calls are moved to calls */
	struct turn_call *calls;
	size_t n_calls;
	char *text;           /* the turn's answer */
	char *reason;         /* why it failed */
	bool is_answer_given; /* its answer record exists */
	bool is_refused;      /* a call was denied */
	uint64_t started_us;
	struct loop_watch loop; /* over the calls that are done */
};

void progress_free(struct progress *progress);

/* payload is the root of the record's payload. Records of other turns and kinds that say nothing
 * about progress are passed over. */
must_check int progress_apply(struct progress *progress, const struct journal_record *record,
			      yyjson_val *payload, struct blob_store *blobs, struct error *err);

/*
 * What is said to the model with the result of a call that is about to be recorded: nothing, unless
 * it closes a circle. result as in struct loop_call.
 */
must_check int progress_tell_loop(const struct progress *progress, size_t index, bool ok,
				  const char *result, struct buf *out);

/* Every call of the last answer has its result. */
bool progress_calls_are_done(const struct progress *progress);

const char *question_via_name(enum question_via via);
const char *answer_stop_name(enum answer_stop stop);
