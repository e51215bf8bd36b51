/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * job - what makes a thread a background job or a sub-agent: its tools and its limits (L6).
 *
 * Stands in the thread-new record as an object and never changes; only the number of model calls
 * grows. A thread without it is a person's. What state a job is in follows from its turns.
 *
 * Ownership  job_free(). tools is borrowed by the conversations of the thread.
 * Errors     -EBADMSG for an object that is none, -ENOMEM.
 * Units      deadline_us is CLOCK_REALTIME, so that a restart does not extend it.
 * Source     spec/journal.md, "A job"
 * Tests      tests/unit/l6-agent/test-threads.c, tests/process/test-jobs.py
 */
#pragma once

#include "l6-agent/payload.h"
#include "l6-agent/tool.h"

enum job_kind { JOB_BACKGROUND, JOB_SUBAGENT };

struct job {
	enum job_kind kind;
	char *title;
	uint64_t parent, turn; /* the thread and turn that made it */
	uint64_t calls_max;    /* model calls of all its turns */
	uint64_t deadline_us;
	const struct tool **tools; /* sorted by name */
	size_t n_tools;
	uint64_t calls;   /* model calls that are done */
	bool is_unwanted; /* it is being cancelled */
	char *text;       /* the object as JSON, for a snapshot */
};

must_check int job_parse(yyjson_val *object, struct job **ret);
void job_free(struct job *job); /* NULL-tolerant */
/* The same as the field "job" of a record. */
void job_write(const struct job *job, struct payload *payload);

const char *job_kind_name(enum job_kind kind);
bool job_has_tool(const struct job *job, const struct tool *tool);

/* Model calls and microseconds that are left; 0: used up. */
uint64_t job_calls_left(const struct job *job);
uint64_t job_time_left_us(const struct job *job);
