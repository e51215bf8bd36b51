/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * turn - one message and everything done to answer it: the actor's step (L6).
 *
 * A thread is a queue of turns; the first one runs. What a turn does next follows from its
 * progress, which is the fold of its records: turn_advance() is the one place that decides, after
 * each record and after a restart alike. An intent is durable before what it announces begins.
 *
 * Ownership  A turn belongs to its thread's queue and is gone once its turn-done record is durable.
 * Errors     What goes wrong with a turn becomes its reason. What goes wrong with the journal ends
 *            the program (agent_give_up).
 */
#pragma once

#include "l6-agent/agent.h"
#include "l6-agent/gate.h"
#include "l6-agent/progress.h"
#include "l6-agent/tool.h"

struct call_judge;
struct context_fetch;
struct exchange;
struct tape;
struct call_run;
struct compaction;
struct turn;

/* One tool call of the last answer, while it is open. */
struct turn_slot {
	struct turn *turn;
	size_t index;
	bool is_begun; /* its intent was appended by this process, or what runs was taken up again
			*/
	struct call_run *run;
	char *arguments; /* checked */
	const struct tool *tool;
	/* what the rules say to it (turn-judge.c) */
	struct call_judge *judge; /* under way */
	bool is_judged;
	enum tool_verdict verdict;
	char *reason, *proposal; /* may be NULL */
};

struct turn {
	struct agent *agent;
	struct thread *thread;
	struct turn *next;     /* in the thread's queue */
	uint64_t id, accepted; /* position of its accepted record */
	bool unattended, is_direct, is_compact, is_recovered;
	bool wants_record, wants_replay;
	unsigned allow;          /* 1 << enum tool_effect */
	enum tool_origin origin; /* who set it going */
	enum priority priority;
	uint32_t workspace;
	struct tape *record, *replay;

	struct progress progress;
	struct context_fetch *context;
	struct exchange *exchange;
	struct compaction *compaction; /* of older turns, while it is under way (turn-compact.c) */
	struct gate_place place;       /* among the open exchanges */
	struct prompt prompt;          /* of the open model call */
	uint64_t text_offset;
	unsigned provider; /* of the chain: who is asked; it stays the one that answered */
	unsigned n_failed; /* providers this turn has left behind */
	bool is_routed;
	bool has_shown;                      /* something of the open model call was shown */
	char instead[ERROR_TEXT_BYTES + 32]; /* why it is not the one before; "" */
	struct turn_slot *slots;
	size_t n_slots;
	unsigned slots_of; /* the exchange whose calls they are */
	bool has_slots, is_stepping;
	sd_event_source *question_timer, *limit;
	bool is_ending, is_refused;
	const char *end_state;
	char end_reason[ERROR_TEXT_BYTES];
	sd_varlink **interrupters; /* calls to answer when the turn is gone */
	size_t n_interrupters, interrupters_capacity;
	uint64_t started_us; /* monotonic */
};

/* payload is that of the accepted record at position. */
must_check int turn_new(struct agent *agent, struct thread *thread, uint64_t id, uint64_t position,
			yyjson_val *payload, struct turn **ret);
/* The same for zeroed memory. */
void turn_init(struct turn *turn, struct agent *agent, struct thread *thread, uint64_t id,
	       uint64_t position, yyjson_val *payload);
void turn_free(struct turn *turn);

/* Puts it at the end of its thread's queue and starts it when it is the first. */
void turn_enqueue(struct turn *turn);

/* Decides what comes next. */
void turn_advance(struct turn *turn);

/* Ends it: what runs is stopped first. state is "failed" or "interrupted". */
void turn_end(struct turn *turn, const char *state, const char *reason);
/* The same for what went wrong; a conversation that is too long gets a way out. */
void turn_fail(struct turn *turn, int code, struct error *err);
/* The turns behind the running one are over before they begin. */
void turn_drop_queued(struct thread *thread, const char *reason);
/* Call when something of an ending turn has stopped. */
void turn_continue_ending(struct turn *turn);

/* Answers the call when the thread's running turn is gone; at once when there is none. */
must_check int turn_interrupt(struct thread *thread, sd_varlink *link);

/* Whether words of the person still reach its model: it asks one, and not for the last time. */
bool turn_is_steerable(const struct turn *turn);

/*
 * Appends a record of this turn and applies it to progress and conversation. A failure has been
 * dealt with when it returns: the turn has been ended, or the program is.
 */
int turn_record(struct turn *turn, enum journal_kind kind, enum journal_origin origin,
		struct payload *payload, journal_durable_fn on_durable, void *data);

/* Tells live subscribers what is being waited for. */
void turn_say_status(struct turn *turn, const char *text);

/* turn-failover.c: whether the next provider is asked for what this one did not answer. The turn
 * then goes on with turn_advance(). */
struct exchange_result;
const struct provider_config *turn_provider(const struct turn *turn); /* who is asked */
/* Chooses who is asked first, by spec/tables/routes. Once. */
void turn_route(struct turn *turn);
extern const bool turn_route_is_cheap[]; /* by enum priority */
must_check bool turn_fail_over(struct turn *turn, const struct exchange_result *result);

/* turn-model.c */
void turn_prepare(struct turn *turn);
void turn_ask(struct turn *turn);
uint64_t turn_calls_left(const struct turn *turn); /* model calls, by its and its job's limit */
/* The model call that is open or comes next is the last of the turn or the job
 * (agent.max_iterations). */
bool turn_is_at_last_call(const struct turn *turn);
void turn_release_exchange(struct turn *turn); /* its place goes to the next that waits */

/* turn-compact.c */
/* The conversation fills the model's window, or the provider said so, and older turns are there. */
bool turn_needs_compaction(const struct turn *turn);
bool turn_can_compact(const struct turn *turn);
/* Summarises older turns; the turn goes on, or ends, when that is done. */
void turn_compact(struct turn *turn);
void turn_compact_stop(struct turn *turn); /* what is not durable is dropped */

/* turn-calls.c */
void turn_run_calls(struct turn *turn);
void turn_stop_calls(struct turn *turn);
bool turn_has_running_calls(const struct turn *turn);
void turn_free_slots(struct turn *turn);

/* turn-judge.c */
unsigned turn_origins(const struct turn *turn); /* 1 << enum tool_origin */
/* True: the slot has its verdict. False: it is being asked for, turn_advance() follows. */
must_check bool turn_judge(struct turn_slot *slot);
void turn_drop_judgment(struct turn_slot *slot);

/* turn-question.c */
struct turn_question {
	enum question_via via;
	uint64_t there;                /* its number at the via daemon */
	const char *action;            /* the exact text shown */
	const char *reason, *proposal; /* why it is asked; the rule of a longer yes. NULL: none */
	bool is_repeat;
};
void turn_put_question(struct turn *turn, size_t index, const struct turn_question *question);
void turn_watch_questions(struct turn *turn); /* arms the timer of the earliest deadline */
/* The open question of that sequence number; -ENOENT. by is "person" or "timeout". */
must_check int turn_decide(struct agent *agent, uint64_t question, bool allow, const char *by);
bool turn_has_question(const struct turn *turn);
