/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * call-run - one tool call at work, wherever its tool runs (L6).
 *
 * It runs as a piece of the agent's work, in a cage, at clawfsd or at claw-egressd, and reports
 * through on_done, never from within call_run_start().
 *
 * Ownership  A run is gone when on_done has returned, or when call_run_stop() returned true.
 */
#pragma once

#include "base/buf.h"
#include "l6-agent/agent.h"
#include "l6-agent/priority.h"
#include "l6-agent/progress.h"
#include "l6-agent/tool.h"

struct call_run;

enum call_end {
	CALL_END_DONE,    /* ok or not: content is for the model */
	CALL_END_ASK,     /* nothing happened: the person has to answer first */
	CALL_END_UNKNOWN, /* it was cut off: content says what is known */
};

enum { CALL_CONTENT_MAX = 8 * 1024 * 1024, CALL_META_MAX = 16 * 1024 };

struct call_outcome {
	enum call_end end;
	bool ok;
	struct buf content;
	struct buf meta; /* members for the record: "\"exit\":0,\"cpuUsec\":12"; may be empty */
	struct label_set labels; /* where the content came from */
	/* CALL_END_ASK; content is then the exact action */
	enum question_via via;
	uint64_t question;
	char *reason, *proposal; /* why it is asked; the rule of a longer yes; may be NULL */
	bool is_anew;            /* the one that was answered is forgotten there */
};
void call_outcome_free(struct call_outcome *outcome);

typedef void (*call_done_fn)(struct call_outcome *outcome, void *data);

struct call_run_options {
	struct agent *agent;
	const struct thread *thread;
	uint64_t turn;
	uint32_t workspace;
	enum priority priority;
	const struct tool *tool;
	const char *arguments;           /* checked; borrowed until the end */
	uint64_t intent, intent_time_us; /* of the call's first tool-started */
	uint64_t question;               /* answered with yes; 0: none */
	unsigned origins;                /* 1 << enum tool_origin */
	bool is_persons; /* a direct form: the words are the person's, not the conversation's */
	bool is_anew;    /* the one that was answered is forgotten there */
	size_t result_limit;
	call_done_fn on_done;
	void *data;
};

must_check int call_run_start(const struct call_run_options *options, struct call_run **ret,
			      struct error *err);
/* True: it is gone. False: it ends now and on_done follows. */
bool call_run_stop(struct call_run *run);
/* It is gone, and nobody is told: for the end of the program. */
void call_run_abandon(struct call_run *run);

/* The parts, one file each. */
struct call_run_kind {
	bool (*stop)(struct call_run *run);
	void (*abandon)(struct call_run *run);
};
struct call_run {
	const struct call_run_kind *kind; /* first member of each part's own struct */
};
must_check int call_cage_start(const struct call_run_options *options, struct call_run **ret,
			       struct error *err);
must_check int call_inline_start(const struct call_run_options *options, struct call_run **ret,
				 struct error *err);
must_check int call_memory_start(const struct call_run_options *options, struct call_run **ret,
				 struct error *err);
must_check int call_fetch_start(const struct call_run_options *options, struct call_run **ret,
				struct error *err);
must_check int call_job_start(const struct call_run_options *options, struct call_run **ret,
			      struct error *err);
void call_stash_read(const struct call_run_options *options, struct call_outcome *ret);

/*
 * True when error_id says that the daemon has forgotten the question of this call (it died). The
 * options then have none: the call is to be made again, and the person is asked anew.
 */
bool call_question_is_forgotten(struct call_run_options *options, const char *error_id);

/* An outcome whose content is one formatted sentence. */
void call_outcome_say(struct call_outcome *outcome, bool ok, const char *fmt, ...)
	printf_like(3, 4);
