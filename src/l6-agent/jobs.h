/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * jobs - threads that work for another thread: background jobs and sub-agents (L6).
 *
 * A job is made by two records (thread-new with its tools and limits, accepted with its task) and
 * from then on runs as any thread does: its log, its restart after a crash and its end are those of
 * its turns. It never has more than the turn that made it: workspace, allowed effects and whether a
 * person can be asked are copied, tools and limits only shrink, labels go along.
 *
 * Ownership  A wait belongs to its caller until on_over was called or jobs_forget().
 * Errors     -EDQUOT with the limit's name, -ESRCH for a job that is over, -errno of the journal.
 * Tests      tests/process/test-jobs.py
 */
#pragma once

#include "l6-agent/job.h"
#include "l6-agent/turn.h"

enum job_state { JOB_PENDING, JOB_IN_PROGRESS, JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED };

const char *job_state_name(enum job_state state);
/* Over (completed, failed, cancelled) stays over. */
enum job_state jobs_state(const struct agent *agent, const struct thread *thread);
bool jobs_is_active(const struct thread *thread);
/* False for a person's thread, and for one whose task was lost with the power: it never began. */
bool jobs_is_one(const struct thread *thread);

/*
 * Whose budget a turn's model calls are counted in: that of the message which set everything off,
 * however many threads work for it. *ret_thread and *ret_turn are its thread and turn.
 */
void jobs_account(const struct turn *turn, const struct thread **ret_thread, uint64_t *ret_turn);

/* "job-7" of that owner; NULL: there is none. */
struct thread *jobs_find(const struct agent *agent, uint32_t owner, const char *name);

struct job_order {
	struct turn *creator;
	enum job_kind kind;
	const char *title, *task;
	const struct tool **tools; /* sorted by name, all of them the creator's own */
	size_t n_tools;
	uint64_t intent; /* of the call that orders it: the same one is the same job */
	bool is_persons; /* the words are a person's */
};

/* The creator's own tools without those that make and steer jobs: 0 and a list to free. */
must_check int jobs_tools_below(const struct turn *creator, bool only_reads,
				const struct tool ***ret, size_t *ret_n);

/* The job of that order; made when the call was not made before. Its turn begins once durable. */
must_check int jobs_make(struct agent *agent, const struct job_order *order, struct thread **ret,
			 struct error *err);
/* Another message for a job that is not over. */
must_check int jobs_prompt(struct agent *agent, struct thread *thread,
			   const struct job_order *order, struct error *err);

/* Ends what runs and what waits in it; nothing when it is over. */
void jobs_cancel(struct thread *thread, const char *reason);

struct job_wait {
	const struct thread *thread;
	void (*on_over)(void *data);
	void *data;
	struct job_wait *next;
};
void jobs_wait(struct agent *agent, struct job_wait *wait);
void jobs_forget(struct agent *agent, struct job_wait *wait);
/* The last turn of a thread is over and durable. */
void jobs_tell_over(struct agent *agent, const struct thread *thread);
