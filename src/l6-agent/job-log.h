/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * job-log - what a job has done, as text for a model or a person (L6).
 *
 * Errors     -errno of the journal with a sentence; -EMSGSIZE when out->max is too small.
 * Tests      tests/process/test-jobs.py
 */
#pragma once

#include "l6-agent/jobs.h"

enum { JOB_LOG_EVENTS_MAX = 1000, JOB_LOG_LINE_BYTES = 400 };

/* "job-7 completed: title (3 of 50 model calls)", without a line feed. */
must_check int job_log_headline(const struct agent *agent, const struct thread *thread,
				struct buf *out);

/* The last answer of a job that is over, or why there is none. */
must_check int job_log_result(struct agent *agent, const struct thread *thread, struct buf *out,
			      struct error *err);

/* The last limit records, oldest first, one line each. */
must_check int job_log_events(struct agent *agent, const struct thread *thread, size_t limit,
			      struct buf *out, struct error *err);
